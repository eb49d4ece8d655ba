import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { socketPath } from '@mogplex/kit/http/service-address.ts'
import { type Account, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'
import { script, startRun, waitForEnd } from './runs.ts'
import { runInHarness, STAGE_SETTINGS, sandboxFiles } from './stages.ts'
import { instanceSecrets, secretsIn } from './traces.ts'

setDefaultTimeout(180_000)

let system: System
let account: Account
/** The model of the instance, which no agent may reach but through the proxy that has the key. */
const model = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hello') })
beforeAll(async () => {
  const OPENAI_BASE_URL = `http://127.0.0.1:${model.port}/v1`
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS, OPENAI_BASE_URL } })
  account = await signUpWithToken(system)
})
afterAll(async () => {
  await system.stop()
  await model.stop(true)
})

/**
 * Runs shell commands as the agent of a real run; gives what each printed, its exit code last. By files, since
 * events are cut.
 */
async function asAgent(...commands: string[]): Promise<string[]> {
  const { repoId } = await makeRepository(system, account)
  const { runId } = await startRun(system, account, {
    repoId,
    prompt: script(
      ...commands.map((command, index) => `run ((${command}); echo "exit $?") > ~/${index} 2>&1`),
    ),
  })
  const { sandboxId } = await waitForEnd(system, account, runId)
  const home = join(sandboxFiles(system, sandboxId ?? ''), 'home')
  return commands.map((_, index) => readFileSync(join(home, String(index)), 'utf8'))
}

const exitOf = (output: string) => Number(/exit (\d+)\n$/.exec(output)?.[1])

test('the agent sees no file of the host but its programs, and none of the instance', async () => {
  const hidden = [homedir(), system.home, GIT_ROOT, join(import.meta.dir, '../..'), '/var', '/etc/shadow']
  for (const output of await asAgent(...hidden.map(path => `ls -la '${path}'`))) {
    expect(exitOf(output)).not.toBe(0)
  }
  const [writable = '', mounts = '', all = ''] = await asAgent(
    'find / -path /proc -prune -o -type d -writable -print -prune',
    'cat /proc/self/mountinfo',
    `find / -path /proc -prune -o \\( -name keys.json -o -name postmaster.pid -o -name .ssh \\) -print 2>/dev/null; true`,
  )
  expect([all, mounts]).toEqual(['exit 0\n', 'exit 0\n'])
  const directories = writable.split('\n').filter(line => /^\/(?!dev\/)/.test(line))
  expect(directories.toSorted()).toEqual(['/home/agent', '/tmp', '/workspace'])
})

test('the agent is nobody, sees only its own processes, and none of the services’ environment', async () => {
  const [identity = '', processes = '', environments = ''] = await asAgent(
    'id -u; grep -E "Cap(Prm|Eff|Bnd)|NoNewPrivs" /proc/self/status',
    'for each in /proc/[0-9]*; do tr "\\0" " " < $each/cmdline; echo; done',
    'cat /proc/[0-9]*/environ | tr "\\0" "\\n"',
  )
  expect(Number(identity.split('\n')[0])).toBeGreaterThan(0)
  expect(identity).toMatch(/CapEff:\t0{16}/)
  expect(identity).toMatch(/CapBnd:\t0{16}/)
  expect(identity).toMatch(/NoNewPrivs:\t1/)
  expect(processes).toContain('agent.mjs')
  expect(processes).not.toMatch(/main\.ts|nats-server|postgres/)
  expect(environments).toContain('HOME=/home/agent')
  expect(environments).not.toMatch(/DATABASE_URL|NATS_URL|ASSERTION_|SECRETS_|RUNTIME_DATA_DIR|MOGPLEX_HOME/)
  expect(secretsIn(environments, instanceSecrets(system), 'the environment')).toEqual([])
})

test('the agent reaches neither Postgres nor NATS nor any service nor the model, straight or by its way out', async () => {
  const addresses = Object.values(system.state().processes).map(({ address = '' }) => address)
  const ports = addresses.flatMap(address => URL.parse(address)?.port || [])
  const paths = addresses.flatMap(address => socketPath(address) ?? [])
  // The gateway and NATS; Postgres and the services.
  expect([ports.length, paths.length]).toEqual([2, 4])
  const hosts = ['127.0.0.1', 'localhost', '[::1]', '0.0.0.0']
  const targets = [...ports, model.port].flatMap(port => hosts.map(host => `${host}:${port}`))
  const [refused = '', own = '', sockets = ''] = await asAgent(
    `${targets.flatMap(waysTo).join('; ')}; true`,
    // Its own loopback, where the way out itself listens, shows that "straight" is a way.
    `${waysTo('127.0.0.1:3128')[0]}; true`,
    `ls -A /run; cat /proc/net/unix; ls -d ${paths.join(' ')} 2>/dev/null | sed 's/^/FOUND /'`,
  )
  expect(own).toContain('REACHED')
  expect(refused).not.toContain('REACHED')
  // The other ways got as far as to whoever decides.
  expect(refused.match(/^(?:HTTP\/1\.1 )?403\b/gm)).toHaveLength(3 * targets.length)
  expect(sockets).toMatch(/^mogplex\nNum/)
  expect(sockets).not.toMatch(/PGSQL|nats|FOUND/)
})

/** Shell commands: straight, which says REACHED; and in three manners by the proxy, each of which says its status. */
function waysTo(target: string): string[] {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? []
  const curl = 'curl -s -m 20 -o /tmp/answer --noproxy "" -x $http_proxy'
  const byHand = `printf 'CONNECT ${target} HTTP/1.1\\r\\nHost: ${target}\\r\\n\\r\\n'`
  return [
    `timeout 20 bash -c '</dev/tcp/${host}/${port}' && echo REACHED ${target}`,
    `${curl} -w "%{http_code}\\n" http://${target}/readyz`,
    `${curl} -p -w "%{http_connect}\\n" http://${target}/readyz`,
    `${byHand} | timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/3128; cat >&3; head -1 <&3'`,
  ]
}

test('the agent sees and reaches nothing of another sandbox, not even of the same person', async () => {
  const other = await runInHarness(
    system,
    account,
    'run echo private > ~/private-note',
    'write private.txt private',
  )
  const files = sandboxFiles(system, other.sandboxId ?? '')
  expect(readFileSync(join(files, 'home/private-note'), 'utf8')).toBe('private\n')
  const [listed = '', found = '', seen = ''] = await asAgent(
    `ls '${files}' '${files}/workspace' /proc/1/root/workspace; ls -la /workspace`,
    'find / -path /proc -prune -o \\( -name private-note -o -name private.txt \\) -print 2>/dev/null; true',
    'cat /proc/[0-9]*/cmdline | tr "\\0" " "; ls /run/mogplex',
  )
  expect(listed).not.toContain('private.txt')
  expect(found).toBe('exit 0\n')
  expect(seen).not.toContain(other.sandboxId ?? '')
  expect(seen).not.toContain('waiting')
  other.letGo()
  expect((await waitForEnd(system, account, other.runId)).status).toBe('success')
})
