/** Ways out of a sandbox to what only this machine reaches, however its address is spelled. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type Account, OPEN_DOORS, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { makeRepository } from '../system/repositories.ts'
import { script, startRun, waitForEnd } from '../system/runs.ts'
import { STAGE_SETTINGS, sandboxFiles } from '../system/stages.ts'

setDefaultTimeout(180_000)

/** Answers whoever reaches it, and remembers. */
const reached: string[] = []
const trap = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: request => {
    reached.push(request.url)
    return new Response('TRAPPED')
  },
})
const PORT = trap.port ?? 0

/** Of this machine, beside loopback. */
const lan = Object.values(networkInterfaces())
  .flat()
  .find(address => address && !address.internal && address.family === 'IPv4')?.address

/** What the way out is asked for: a host as it is written into a URL. */
const HOSTS: Record<string, string> = {
  loopback: '127.0.0.1',
  'another address of loopback': '127.127.127.127',
  'loopback by name': 'localhost',
  'loopback by name, with its dot': 'localhost.',
  'loopback by name, in capitals': 'LOCALHOST',
  'a name below localhost': 'x.localhost',
  'loopback as one number': '2130706433',
  'loopback in octal': '0177.0.0.1',
  'loopback in hexadecimal': '0x7f.0x0.0x0.0x1',
  'loopback as one hexadecimal number': '0x7f000001',
  'loopback cut short': '127.1',
  'loopback escaped': '%31%32%37.0.0.1',
  'loopback in wide digits': '１２７.0.0.1',
  'any address': '0.0.0.0',
  'any address as a number': '0',
  'loopback of IPv6': '[::1]',
  'any address of IPv6': '[::]',
  'loopback mapped into IPv6': '[::ffff:127.0.0.1]',
  'loopback mapped, in hexadecimal': '[::ffff:7f00:1]',
  'loopback embedded in IPv6': '[::127.0.0.1]',
  'loopback by NAT64': '[64:ff9b::7f00:1]',
  'loopback by 6to4': '[2002:7f00:1::]',
  'a user before the host': 'example.com@127.0.0.1',
  'metadata of a cloud': '169.254.169.254',
  'metadata of a cloud, mapped': '[::ffff:169.254.169.254]',
  'metadata of a cloud, of IPv6': '[fd00:ec2::254]',
  'metadata of a cloud at a public address': '168.63.129.16',
  'a private network': '10.0.0.1',
  'another private network': '192.168.0.1',
  'a network shared by a carrier': '100.64.0.1',
  'a link of IPv6': '[fe80::1]',
  'a group': '224.0.0.1',
  everybody: '255.255.255.255',
  'the address of this machine': lan ?? '172.17.0.1',
}

/** Requests to the way out that are not what a client library sends. `$T` is the trap, `$P` its port. */
const CONVERSATIONS: Record<string, string> = {
  'a CONNECT to the trap':
    'CONNECT $T HTTP/1.1\\r\\nHost: example.com\\r\\n\\r\\nGET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n',
  'a CONNECT to a port below all': 'CONNECT 127.0.0.1:0 HTTP/1.1\\r\\n\\r\\n',
  'a CONNECT without a port': 'CONNECT 127.0.0.1 HTTP/1.1\\r\\n\\r\\n',
  'a host that contradicts the target': 'GET http://$T/ HTTP/1.1\\r\\nHost: example.com\\r\\n\\r\\n',
  'a path, and the trap as the host': 'GET / HTTP/1.1\\r\\nHost: $T\\r\\n\\r\\n',
  'the trap behind a backslash': 'GET http://$T\\\\@example.com/ HTTP/1.1\\r\\n\\r\\n',
  'a second request on the same connection':
    'GET http://0.invalid/ HTTP/1.1\\r\\nHost: 0.invalid\\r\\n\\r\\nGET http://$T/ HTTP/1.1\\r\\nHost: $T\\r\\n\\r\\n',
  'a request hidden in a body':
    'POST http://0.invalid/ HTTP/1.1\\r\\nContent-Length: 3\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET http://$T/ HTTP/1.1\\r\\n\\r\\n',
  'another protocol': 'GET ftp://$T/ HTTP/1.1\\r\\n\\r\\n',
  'a file': 'GET file:///etc/passwd HTTP/1.1\\r\\n\\r\\n',
  'a Unix socket': 'CONNECT unix:/run/mogplex HTTP/1.1\\r\\n\\r\\n',
  'bare line feeds': 'GET http://$T/ HTTP/1.1\\nHost: $T\\n\\n',
}

/** Commands that go past the way out. */
const STRAIGHT: Record<string, string> = {
  'straight to the trap': `timeout 5 bash -c '</dev/tcp/127.0.0.1/${PORT}'`,
  'straight to the trap by IPv6': `timeout 5 bash -c '</dev/tcp/::1/${PORT}'`,
  'straight to this machine': `timeout 5 bash -c '</dev/tcp/${lan ?? '172.17.0.1'}/${PORT}'`,
  'straight to a name server': `timeout 5 bash -c 'echo x > /dev/udp/127.0.0.53/53 && timeout 2 cat < /dev/udp/127.0.0.53/53 | grep .'`,
  'by an interface of its own': 'ip link add dummy0 type dummy',
  'by a network namespace of the host': 'nsenter -t 1 -n true; ip netns exec host true',
  'by a raw socket': `node -e "require('dgram').createSocket('udp4').send('x', 53, '192.168.0.1', error => process.exit(error ? 1 : 0))"`,
}

/** What each printed, its exit code last. */
const printed = new Map<string, string>()
let system: System
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
  const account = await signUpWithToken(system)
  const target = `127.0.0.1:${PORT}`
  const byHost = Object.entries(HOSTS).map(([name, host]) => {
    const curl = `curl -sS -g -m 10 --noproxy '' -x "$http_proxy" -o /tmp/a -w '%{http_code}' 'http://${host}:${PORT}/'`
    return [name, `${curl}; cat /tmp/a; rm -f /tmp/a`] as const
  })
  const byHand = Object.entries(CONVERSATIONS).map(([name, text]) => {
    const said = text.replaceAll('$T', target)
    const ask = `exec 3<>/dev/tcp/127.0.0.1/\${http_proxy##*:}; printf '${said}' >&3; timeout 5 cat <&3`
    return [name, `timeout 8 bash -c "${ask.replaceAll('"', '\\"')}"`] as const
  })
  await runAll(account, [...byHost, ...byHand, ...Object.entries(STRAIGHT)])
})
afterAll(async () => {
  await system.stop()
  await trap.stop(true)
})

/** As the agent of one run, a few at a time. */
async function runAll(account: Account, commands: (readonly [string, string])[]): Promise<void> {
  const { repoId } = await makeRepository(system, account)
  const run = commands.map(([, command], index) => `(${command}; echo "exit $?") > ~/${index} 2>&1`)
  const groups = Array.from({ length: Math.ceil(run.length / 8) }, (_, at) => run.slice(at * 8, at * 8 + 8))
  const prompt = script(...groups.map(group => `run ${group.map(each => `${each} &`).join(' ')} wait`))
  const { runId } = await startRun(system, account, { repoId, prompt })
  const { sandboxId } = await waitForEnd(system, account, runId, 150_000)
  const home = join(sandboxFiles(system, sandboxId ?? ''), 'home')
  for (const [index, [name]] of commands.entries())
    printed.set(name, readFileSync(join(home, String(index)), 'utf8'))
}

test.each(Object.keys(HOSTS))('an agent asks its way out for %s', name => {
  const output = printed.get(name) ?? ''
  // Refused by what is asked, not for want of somebody to ask.
  expect(output).toMatch(/^(?:403|502|400)|Could not resolve|URL|Malformed|bad/i)
  expect(output).not.toContain('TRAPPED')
})

test.each(Object.keys(CONVERSATIONS))('an agent tells its way out %s', name => {
  const output = printed.get(name) ?? ''
  expect(output).not.toMatch(/TRAPPED|HTTP\/1\.1 2/)
  expect(output).toContain('exit ')
})

test.each(Object.keys(STRAIGHT))('an agent goes %s', name => {
  expect(printed.get(name)).toMatch(/exit [1-9]\d*\n$/)
})

test('nothing of all that reached the trap', () => {
  expect(reached).toEqual([])
})
