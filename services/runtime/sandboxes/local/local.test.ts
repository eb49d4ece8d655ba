import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@mogplex/kit/log.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { SandboxProvider } from '../provider.ts'
import { commandLinesWith, describeSandboxProvider } from '../provider-conformance.ts'
import { createLocalSandboxProvider } from './local.ts'

// Each test starts real processes, on machines that may be busy.
setDefaultTimeout(120_000)

const scratch = mkdtempSync(join(tmpdir(), 'local-sandbox-'))
const log = createLog({ process: 'test', level: 'silent' })
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Below directories nobody else may enter, with a path too long for a socket address. */
function makeDataDirectory(): string {
  const closed = mkdtempSync(join(scratch, 'closed-'))
  chmodSync(closed, 0o700)
  return join(closed, 'x'.repeat(120), 'data')
}

function makeProvider(dataDirectory = makeDataDirectory()): SandboxProvider {
  return createLocalSandboxProvider({ dataDirectory, log })
}

describeSandboxProvider('local', async limits => ({
  provider: createLocalSandboxProvider({ dataDirectory: makeDataDirectory(), log, limits }),
  dispose: async () => {},
}))

describe('local sandboxes', () => {
  const run = async (provider: SandboxProvider, sandboxId: string, script: string, env = {}) => {
    const argv = ['bash', '-c', script]
    const started = await provider.start(sandboxId, { argv, network: 'egress', env })
    const stdout = await new Response(started.stdout).text()
    return { stdout, exit: await started.exited }
  }

  test('the runtime killed at any moment takes its sandboxes with it', async () => {
    for (let round = 0; round < 8; round++) {
      const marker = `marker-${crypto.randomUUID()}`
      const runtime = Bun.spawn(
        [process.execPath, join(import.meta.dir, 'held-sandbox.fixture.ts'), makeDataDirectory(), marker],
        { stdout: 'pipe' },
      )
      await runtime.stdout.getReader().read()
      // 0 and a little more hit bubblewrap while it still builds the sandbox.
      await Bun.sleep(round < 5 ? round * 3 : 150)
      const runs = () => commandLinesWith(`${marker} `).length > 0
      if (round === 7) expect(await waitUntil(runs, { limitMs: 20_000 })).toBe(true)
      runtime.kill('SIGKILL')
      await runtime.exited
      await waitUntil(() => commandLinesWith(marker).length === 0, { limitMs: 20_000 })
      expect(commandLinesWith(marker)).toEqual([])
    }
  })

  test('directories are private and sockets do not outlive their process', async () => {
    const dataDirectory = makeDataDirectory()
    const provider = makeProvider(dataDirectory)
    const sandboxId = await provider.create(crypto.randomUUID())
    await run(provider, sandboxId, 'true')
    const root = join(dataDirectory, 'sandboxes', sandboxId)
    for (const path of ['', 'workspace', 'home', 'run']) {
      expect(statSync(join(root, path)).mode & 0o777).toBe(0o700)
    }
    expect(readdirSync(join(root, 'run'))).toEqual([])
    await provider.destroy(sandboxId)
  })

  test('what a crash left does not disturb', async () => {
    const dataDirectory = makeDataDirectory()
    const sandboxId = crypto.randomUUID()
    const root = join(dataDirectory, 'sandboxes', sandboxId)
    mkdirSync(join(root, 'run'), { recursive: true })
    writeFileSync(join(root, 'run', 'stale.sock'), '')
    const provider = makeProvider(dataDirectory)
    expect(await provider.exists(sandboxId)).toBe(false)
    await provider.create(sandboxId)
    expect((await run(provider, sandboxId, 'echo ok')).stdout).toBe('ok\n')
    await provider.pause(sandboxId)
    expect(readdirSync(join(root, 'run'))).toEqual([])
    await provider.destroy(sandboxId)
  })

  test('variables for the dynamic linker do not reach the programs that build the sandbox', async () => {
    const provider = makeProvider()
    const sandboxId = await provider.create(crypto.randomUUID())
    const env = { LD_DEBUG: 'files', LD_DEBUG_OUTPUT: join(scratch, 'linker') }
    const seen = await run(provider, sandboxId, 'echo "$LD_DEBUG_OUTPUT"', env)
    expect(seen.stdout).toContain(`${env.LD_DEBUG_OUTPUT}\n`)
    expect(readdirSync(scratch).filter(name => name.startsWith('linker'))).toEqual([])
    await provider.destroy(sandboxId)
  })

  test('mounts where the agent can write, or of nothing, are refused', async () => {
    const provider = makeProvider()
    const sandboxId = await provider.create(crypto.randomUUID())
    const start = (hostPath: string, sandboxPath: string) =>
      provider.start(sandboxId, { argv: ['true'], network: 'none', mounts: [{ hostPath, sandboxPath }] })
    await expect(start(scratch, '/workspace/x')).rejects.toThrow('cannot mount at')
    await expect(start(scratch, '/home/agent')).rejects.toThrow('cannot mount at')
    await expect(start(scratch, '/opt/../workspace/x')).rejects.toThrow('cannot mount at')
    await expect(start(join(scratch, 'missing'), '/opt/x')).rejects.toThrow('does not exist')
    await provider.destroy(sandboxId)
  })

  test("the host's own addresses are refused by the way out", async () => {
    const own = Object.values(networkInterfaces())
      .flatMap(list => list ?? [])
      .find(entry => entry.family === 'IPv4' && !entry.internal)
    if (!own) return
    const server = Bun.serve({ hostname: own.address, port: 0, fetch: () => new Response('own') })
    const script = `exec 3<>/dev/tcp/127.0.0.1/3128; printf 'GET ${server.url} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3; cat <&3`
    const provider = makeProvider()
    const sandboxId = await provider.create(crypto.randomUUID())
    expect((await run(provider, sandboxId, script)).stdout).toStartWith('HTTP/1.1 403')
    await provider.destroy(sandboxId)
    await server.stop(true)
  })

  test('a host without bubblewrap is told what to install', async () => {
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, 'held-sandbox.fixture.ts'), makeDataDirectory(), 'none'],
      { env: { PATH: '/nowhere' }, stdout: 'ignore', stderr: 'pipe' },
    )
    expect(await new Response(child.stderr).text()).toContain('apt-get install bubblewrap')
    expect(await child.exited).not.toBe(0)
  })

  test('limits of the kernel on processes, files and core dumps are in force', async () => {
    const provider = makeProvider()
    const sandboxId = await provider.create(crypto.randomUUID())
    const seen = await run(provider, sandboxId, 'ulimit -u; ulimit -f; ulimit -c; nice')
    const [tasks, fileBlocks, core, nice] = seen.stdout.split('\n').map(Number)
    expect(tasks).toBeLessThanOrEqual(4096 + 64)
    expect(fileBlocks).toBeLessThanOrEqual(10 * 1024 * 1024)
    expect(core).toBe(0)
    expect(nice).toBeGreaterThanOrEqual(5)
    await provider.destroy(sandboxId)
  })

  test('file descriptors of ended processes are given back', async () => {
    const provider = makeProvider()
    const sandboxId = await provider.create(crypto.randomUUID())
    const open = () => readdirSync('/proc/self/fd').length
    for (let round = 0; round < 3; round++) await run(provider, sandboxId, 'true')
    const before = open()
    for (let round = 0; round < 10; round++) await run(provider, sandboxId, 'true')
    expect(open()).toBeLessThan(before + 10)
    await provider.destroy(sandboxId)
  })
})
