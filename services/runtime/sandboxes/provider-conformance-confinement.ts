/** Conformance of sandbox providers: what a process inside neither sees nor reaches nor changes. */
import { describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, commandLinesWith, MODEL_SECRET, processesWith } from './provider-conformance.ts'

/** Bash functions: `request HOST PORT TEXT` speaks TCP directly, `proxied TEXT` to the HTTP proxy. */
const NETWORK = `
request() { (exec 3<>"/dev/tcp/$1/$2" && printf "$3" >&3 && timeout 10 cat <&3) 2>&1; }
proxied() { local at=\${http_proxy#http://}; request "\${at%:*}" "\${at#*:}" "$1"; }
`

export function describeConfinement(bench: Bench): void {
  describe('confinement', () => {
    describeUser(bench)
    describeHiddenFiles(bench)
    describeHiddenProcesses(bench)
    describeEndpoints(bench)
    describeRefusals(bench)
  })
}

function describeUser(bench: Bench): void {
  test('the process has no capabilities and cannot gain any', async () => {
    const script =
      'id -u; grep -c -E "^Cap(Prm|Eff|Bnd|Amb):.*[1-9a-f]" /proc/self/status; grep NoNewPrivs /proc/self/status'
    const [uid, capabilities, gain] = (await bench.run({ script })).stdout.split('\n')
    expect(Number(uid)).toBeGreaterThan(0)
    expect(capabilities).toBe('0')
    expect(gain).toBe('NoNewPrivs:\t1')
  })

  test('the process is not root in the eyes of the host', async () => {
    const marker = `marker-${crypto.randomUUID()}`
    const started = await bench.provider.start(bench.sandboxId, {
      argv: ['bash', '-c', `echo started; exec -a ${marker} sleep 60`],
      network: 'none',
    })
    await started.stdout.getReader().read()
    const until = Date.now() + 20_000
    const find = () => processesWith(marker).filter(({ commandLine }) => commandLine.startsWith(marker))
    while (find().length === 0 && Date.now() < until) await Bun.sleep(5)
    const owners = find().map(({ pid }) => statSync(`/proc/${pid}`).uid)
    await started.stop(0)
    expect(owners).toHaveLength(1)
    expect(owners).not.toContain(0)
  })
}

function describeHiddenFiles(bench: Bench): void {
  test('files and home of the host are not there', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'host-'))
    chmodSync(outside, 0o777)
    writeFileSync(join(outside, 'secret'), 'secret')
    const paths = [
      outside,
      homedir(),
      process.cwd(),
      '/root',
      '/var',
      '/sys',
      '/etc/shadow',
      '/run/postgresql',
      '/boot',
    ]
    const seen = await bench.run({ script: `ls -d ${paths.join(' ')} 2>/dev/null; ls /home /run /tmp` })
    rmSync(outside, { recursive: true })
    expect(seen.stdout.split('\n').filter(line => line.startsWith('/') && !line.endsWith(':'))).toEqual([])
    expect(seen.stdout).not.toContain('host-')
    expect(seen.stdout).not.toContain('.s.PGSQL')
  })

  test("another sandbox's files are not there", async () => {
    const other = await bench.provider.create(crypto.randomUUID())
    const marker = `marker-${crypto.randomUUID()}`
    await bench.run({ script: `echo ${marker} >${marker}; cp ${marker} ~; cp ${marker} /tmp` }, other)
    const script = `find / -path /proc -prune -o -path /usr -prune -o -name '${marker}' -print 2>/dev/null`
    expect((await bench.run({ script })).stdout).toBe('')
    expect((await bench.run({ script: `cat ${marker}` }, other)).stdout).toBe(`${marker}\n`)
    await bench.provider.destroy(other)
  })

  test('nothing can be written but workspace, home and tmp', async () => {
    const places = ['/', '/etc', '/usr', '/usr/bin', '/dev', '/run', '/run/mogplex', '/home', '/opt', '/proc']
    const script = `for d in ${places.join(' ')}; do (echo x >$d/written) 2>/dev/null && echo $d; done
      for d in /workspace /home/agent /tmp /dev/shm; do echo x >$d/written || echo $d; rm $d/written; done`
    expect((await bench.run({ script })).stdout).toBe('')
    expect(existsSync('/usr/bin/written')).toBe(false)
  })
}

function describeHiddenProcesses(bench: Bench): void {
  test("the environment holds nothing of this process's", async () => {
    process.env.SERVICE_SECRET_OF_THE_HOST = 'do-not-leak'
    const seen = await bench.run({ script: 'env; cat /proc/*/environ 2>/dev/null', env: { ONLY: 'this' } })
    delete process.env.SERVICE_SECRET_OF_THE_HOST
    expect(seen.stdout).toContain('ONLY=this')
    expect(seen.stdout).not.toContain('do-not-leak')
  })

  test('processes of the host and of other sandboxes are not visible', async () => {
    const other = await bench.provider.start(bench.sandboxId, { argv: ['sleep', '4711'], network: 'none' })
    const seen = await bench.run({
      script: 'cat /proc/[0-9]*/cmdline | tr "\\0" " "; echo; ls -d /proc/[0-9]* | wc -l',
    })
    await other.stop(0)
    expect(seen.stdout).not.toContain('4711')
    expect(Number(seen.stdout.trim().split('\n').at(-1))).toBeLessThan(10)
  })

  test('secrets in environment and input are in no command line of the host', async () => {
    const secret = `secret-${crypto.randomUUID()}`
    const started = await bench.provider.start(bench.sandboxId, {
      argv: ['bash', '-c', 'read -r line; [ "$line" = "$KEY" ] && echo arrived; sleep 60'],
      env: { KEY: secret },
      stdin: `${secret}\n`,
      network: 'egress',
    })
    const { value } = await started.stdout.getReader().read()
    const seen = commandLinesWith(secret)
    await started.stop(0)
    expect(new TextDecoder().decode(value)).toBe('arrived\n')
    expect(seen).toEqual([])
  })
}

const get = (url: URL) => `GET ${url.href} HTTP/1.1\\r\\nHost: ${url.host}\\r\\n\\r\\n`
const connect = (target: string) => `CONNECT ${target} HTTP/1.1\\r\\n\\r\\n`

function describeEndpoints(bench: Bench): void {
  const post = (body: string) =>
    `POST /v1/x HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: ${body.length}\\r\\nConnection: close\\r\\n\\r\\n${body}`

  test('without network, not even an endpoint is reachable', async () => {
    const script = `${NETWORK} env | grep -i proxy; request 127.0.0.1 ${bench.model.port} x`
    expect((await bench.run({ script, endpoints: [bench.model] })).stdout).toContain('Connection refused')
    expect(
      (await bench.run({ script: 'ls /sys/class/net 2>/dev/null; grep -c : /proc/net/dev' })).stdout,
    ).toBe('1\n')
  })

  test('an endpoint answers at its port, and gets a credential that is nowhere inside', async () => {
    const script = `${NETWORK} request 127.0.0.1 ${bench.model.port} '${post('hello')}'
      cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' ' '; ls -R /run`
    const seen = await bench.run({ script, network: 'egress', endpoints: [bench.model] })
    expect(seen.stdout).toContain('model:hello')
    expect(seen.stdout).not.toContain(MODEL_SECRET)
    expect(bench.authorizations.at(-1)).toBe(`Bearer ${MODEL_SECRET}`)
    expect(commandLinesWith(MODEL_SECRET)).toEqual([])
  })

  test('it is there for the process that names it, and for no other of the sandbox', async () => {
    const holder = await bench.provider.start(bench.sandboxId, {
      argv: ['sleep', '60'],
      network: 'egress',
      endpoints: [bench.model],
    })
    const script = `${NETWORK} request 127.0.0.1 ${bench.model.port} '${post('hello')}'; ls /run/mogplex`
    const seen = await bench.run({ script, network: 'egress' })
    await holder.stop(0)
    expect(seen.stdout).toContain('Connection refused')
    expect(seen.stdout).not.toContain(`${bench.model.port}.sock`)
  })

  test('its address is not reachable past it', async () => {
    const { hostname, port, host } = new URL(bench.model.baseUrl)
    const url = new URL(bench.model.baseUrl)
    const script = `${NETWORK} request ${hostname} ${port} x; proxied '${get(url)}'; proxied '${connect(host)}'`
    const { stdout } = await bench.run({ script, network: 'egress', endpoints: [bench.model] })
    expect(stdout).toContain('Connection refused')
    expect(stdout.match(/HTTP\/1\.1 403/g)).toHaveLength(2)
  })

  test('megabytes pass both ways through an endpoint', async () => {
    const script = `exec 3<>/dev/tcp/127.0.0.1/${bench.model.port}
      { printf 'POST /v1/x HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 5000000\\r\\nConnection: close\\r\\n\\r\\n'
        head -c 5000000 /dev/zero | tr '\\0' a; } >&3 &
      cat <&3 | tr -d -c a | wc -c`
    const { stdout } = await bench.run({ script, network: 'egress', endpoints: [bench.model] })
    expect(Number(stdout)).toBeGreaterThanOrEqual(5_000_000)
  })
}

function describeRefusals(bench: Bench): void {
  test("other ports of the host's loopback are reachable neither directly nor through the proxy", async () => {
    const { port } = bench.hidden
    const hosts = [
      '127.0.0.1',
      'localhost',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '0.0.0.0',
      '2130706433',
      '0x7f000001',
      '127.1',
    ]
    const script = `${NETWORK}
      request 127.0.0.1 ${port} x
      proxied '${get(bench.hidden)}'
      ${hosts.map(host => `proxied '${connect(`${host}:${port}`)}'`).join('\n')}`
    const { stdout } = await bench.run({ script, network: 'egress' })
    expect(stdout).toContain('Connection refused')
    expect(stdout).not.toContain('hidden')
    expect(stdout).not.toContain('HTTP/1.1 200')
    expect(stdout.match(/HTTP\/1\.1 (403|502)/g)).toHaveLength(hosts.length + 1)
  })

  test('metadata and private addresses are refused by the proxy', async () => {
    const targets = [
      '169.254.169.254:80',
      '10.0.0.1:80',
      '192.168.1.1:443',
      '100.100.100.200:80',
      '[fd00:ec2::254]:80',
    ]
    const script = `${NETWORK} ${targets.map(target => `proxied '${connect(target)}'`).join('\n')}`
    const { stdout } = await bench.run({ script, network: 'egress' })
    expect(stdout.match(/HTTP\/1\.1 403/g)).toHaveLength(targets.length)
  })

  test('what is no proxy request is answered 400', async () => {
    const { stdout } = await bench.run({
      script: `${NETWORK} proxied 'GET / HTTP/1.1\\r\\n\\r\\n'; proxied 'CONNECT nowhere HTTP/1.1\\r\\n\\r\\n'`,
      network: 'egress',
    })
    expect(stdout.match(/HTTP\/1\.1 400/g)).toHaveLength(2)
  })
}
