/**
 * The operator's side of the attempts, as a process of its own so that it can be an ordinary user's: has keys in
 * the kernel's keyrings, starts real sandboxes, lets everything be tried in them, prints what came of it.
 *
 * Argument: name of the marker in /usr/local/etc.
 */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@mogplex/kit/log.ts'
import { createLocalSandboxProvider } from '../../../services/runtime/sandboxes/local/local.ts'
import { numberOf } from '../../../services/runtime/sandboxes/local/seccomp/system-calls.ts'
import { BAD_DESCRIPTOR, type Call, hostileCalls, neededCalls } from './calls.ts'
import { GATE_PROGRAM, hostileScripts, neededScripts, type Script } from './scripts.ts'
import { systemCall } from './system-call.ts'

/** What came of everything, by title. */
export interface Outcomes {
  answers: Record<string, number>
  outputs: Record<string, string>
  /** A word that is in paths of the operator's, and the value of the operator's keys. */
  operator: string
  secret: string
  /** What finds the key: this process before there were sandboxes, its child then, its child afterwards. */
  keysFound: { before: boolean; child: boolean; after: boolean }
  /** What the 32-bit program ends with on the host. */
  gate: number
}

const [marker = ''] = process.argv.slice(2)
const machine = process.arch === 'x64' ? 'x64' : 'arm64'
const operator = `operator-${crypto.randomUUID()}`
const secret = `secret-${crypto.randomUUID()}`
const description = `mogplex:${crypto.randomUUID()}`
const call = (name: 'keyctl' | 'add_key', ...args: (number | string)[]) =>
  systemCall(numberOf(name, machine) ?? -1, ...args)

call('keyctl', 1, 'operators-login')
const keyIds = [-3, -4].map(ring => call('add_key', 'user', description, secret, secret.length, ring))
const search = () => call('keyctl', 10, -3, 'user', description, 0) > 0
const searchInChild = async () => {
  const script = `import { systemCall } from '${join(import.meta.dir, 'system-call.ts')}'
    console.log(systemCall(${numberOf('keyctl', machine)}, 10, -3, 'user', '${description}', 0) > 0)`
  return (await new Response(Bun.spawn([process.execPath, '-e', script]).stdout).text()) === 'true\n'
}
const found = { before: search(), child: await searchInChild() }

const directory = mkdtempSync(join(tmpdir(), `${operator}-`))
const log = createLog({ process: 'test', level: 'silent' })
const provider = createLocalSandboxProvider({ dataDirectory: directory, log })
await provider.check()
const sandboxId = await provider.create(crypto.randomUUID())

async function run(argv: string[], stdin: string, network: 'none' | 'egress'): Promise<string> {
  const mounts = [{ hostPath: import.meta.dir, sandboxPath: '/opt/attempts' }]
  const started = await provider.start(sandboxId, { argv, stdin, mounts, network })
  const [stdout, stderr] = await Promise.all([
    new Response(started.stdout).text(),
    new Response(started.stderr).text(),
  ])
  await started.exited
  return stdout + stderr
}

async function makeCalls(calls: Call[]): Promise<[string, number][]> {
  const wanted = JSON.stringify(calls.map(({ number, args }) => [number, ...args]))
  const output = await run(['/run/mogplex/bun', '/opt/attempts/probe.ts'], wanted, 'egress')
  const answers: number[] = JSON.parse(output)
  return calls.map(({ title }, index) => [title, answers[index] ?? 0])
}

async function runScripts(scripts: Script[]): Promise<[string, string][]> {
  const outputs: [string, string][] = []
  for (const { title, script, stdin = '', network = 'none' } of scripts) {
    outputs.push([title, await run(['bash', '-c', script], stdin, network)])
  }
  return outputs
}

const control: Call = { title: 'closes what is not open', ...BAD_DESCRIPTOR }
const calls = [...neededCalls(), control, ...hostileCalls({ keyId: keyIds[0] ?? 0, description })]
const outcomes: Outcomes = {
  answers: Object.fromEntries(await makeCalls(calls)),
  outputs: Object.fromEntries(
    await runScripts([...neededScripts(), ...hostileScripts({ operator, marker })]),
  ),
  operator,
  secret,
  keysFound: { ...found, after: await searchInChild() },
  gate: await Bun.spawn([
    'bash',
    '-c',
    `${GATE_PROGRAM.replaceAll('/tmp/gate', join(directory, 'gate'))}; ${join(directory, 'gate')}`,
  ]).exited,
}
await provider.destroy(sandboxId)
await rm(directory, { recursive: true })
console.log(JSON.stringify(outcomes))
