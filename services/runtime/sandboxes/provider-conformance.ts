/**
 * What every sandbox provider must hold, as tests (design, "Work"; runtime spec 6). A provider's own test
 * file calls `describeSandboxProvider` and adds what is its alone. Needs bash and coreutils inside, and a
 * host whose /proc shows the sandbox's processes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import type { ProxiedEndpoint, SandboxCommand, SandboxExit, SandboxProvider } from './provider.ts'
import { describeConfinement } from './provider-conformance-confinement.ts'
import { describeLimits, type SMALL_LIMITS } from './provider-conformance-limits.ts'
import { describeStopping } from './provider-conformance-stopping.ts'

export const MODEL_SECRET = `sk-${crypto.randomUUID()}`

/** A provider under test and how to put it away. */
export interface ProviderUnderTest {
  provider: SandboxProvider
  dispose(): Promise<void>
}

/** `limits`: what a sandbox may take; those by default when absent. */
export type MakeProvider = (limits?: typeof SMALL_LIMITS) => Promise<ProviderUnderTest>

/** What the tests of one provider share. Filled before the first of them runs. */
export interface Bench {
  provider: SandboxProvider
  /** A sandbox that all tests use. */
  sandboxId: string
  /**
   * An endpoint on the host's loopback. Answers `model:` and the body it got, and is told the credential
   * {@link MODEL_SECRET}, which it keeps to itself.
   */
  model: ProxiedEndpoint
  /** The `authorization` headers it got. */
  authorizations: (string | null)[]
  /** A server there that nobody may reach. Answers `hidden`. */
  hidden: URL
  run(command: Partial<SandboxCommand> & { script: string }, sandboxId?: string): Promise<Finished>
}

export interface Finished extends SandboxExit {
  stdout: string
  stderr: string
}

export function describeSandboxProvider(name: string, makeProvider: MakeProvider): void {
  describe(`sandbox provider ${name}`, () => {
    const bench = {} as Bench
    const authorizations: (string | null)[] = []
    const servers = [
      Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        fetch: async request => {
          authorizations.push(request.headers.get('authorization'))
          return new Response(`model:${await request.text()}`)
        },
      }),
      Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hidden') }),
    ]
    let underTest: ProviderUnderTest

    beforeAll(async () => {
      const [upstream, hidden] = servers.map(server => server.url)
      if (!upstream || !hidden) throw new Error('no servers')
      const credential = { header: 'authorization', prefix: 'Bearer ', secret: MODEL_SECRET }
      const model = { port: 3129, baseUrl: `${upstream.origin}/v1`, credential }
      underTest = await makeProvider()
      const { provider } = underTest
      await provider.check()
      const sandboxId = await provider.create(crypto.randomUUID())
      const run: Bench['run'] = (command, id = sandboxId) => runScript(provider, id, command)
      Object.assign(bench, { provider, sandboxId, model, authorizations, hidden, run })
    })

    afterAll(async () => {
      await bench.provider?.destroy(bench.sandboxId)
      await underTest?.dispose()
      for (const server of servers) await server.stop(true)
    })

    describeFiles(bench)
    describeStreams(bench)
    describeEnds(bench)
    describeConfinement(bench)
    describeStopping(bench)
    describeLimits(makeProvider)
  })
}

function describeFiles(bench: Bench): void {
  test('create is idempotent and keeps files', async () => {
    await bench.run({ script: 'echo kept >kept.txt; echo home >~/kept.txt' })
    expect(await bench.provider.create(bench.sandboxId)).toBe(bench.sandboxId)
    expect((await bench.run({ script: 'cat kept.txt ~/kept.txt' })).stdout).toBe('kept\nhome\n')
  })

  test('destroy removes a sandbox with everything in it, and may be repeated', async () => {
    const sandboxId = await bench.provider.create(crypto.randomUUID())
    await bench.run(
      { script: 'mkdir -p locked/inner; echo x >locked/inner/x; chmod 0 locked/inner' },
      sandboxId,
    )
    expect(await bench.provider.exists(sandboxId)).toBe(true)
    await bench.provider.destroy(sandboxId)
    await bench.provider.destroy(sandboxId)
    expect(await bench.provider.exists(sandboxId)).toBe(false)
    await expect(bench.run({ script: 'true' }, sandboxId)).rejects.toThrow('does not exist')
  })

  test('an id that is no UUID is refused by every operation', async () => {
    for (const id of ['../escape', '', '.', `${bench.sandboxId}/..`, 'a'.repeat(36)]) {
      await expect(bench.provider.create(id)).rejects.toThrow('not a sandbox id')
      await expect(bench.provider.exists(id)).rejects.toThrow('not a sandbox id')
      await expect(bench.run({ script: 'true' }, id)).rejects.toThrow('not a sandbox id')
      await expect(bench.provider.pause(id)).rejects.toThrow('not a sandbox id')
      await expect(bench.provider.destroy(id)).rejects.toThrow('not a sandbox id')
    }
  })

  test('a process sees the read-only mounts it asked for', async () => {
    const mounts = [{ hostPath: import.meta.dir, sandboxPath: '/opt/mounted/here' }]
    const seen = await bench.run({ script: 'ls /opt/mounted/here; touch /opt/mounted/here/x', mounts })
    expect(seen.stdout).toContain('provider.ts')
    expect(seen.stderr).toContain('Read-only file system')
  })
}

function describeStreams(bench: Bench): void {
  test('environment and standard input arrive as given', async () => {
    const value = 'two\nlines, "quotes", \'single\', $HOME `id` \\ ünïcode\n'
    const env = { GIVEN: value, EMPTY: '', name: 'lower', LD_PRELOAD: '' }
    const script = 'printf "%s|%s|%s|" "$GIVEN" "$EMPTY" "$name"; cat; echo "|$PWD|$HOME|$USER|$TMPDIR"'
    const seen = await bench.run({ script, env, stdin: 'input' })
    expect(seen.stdout).toBe(`${value}||lower|input|/workspace|/home/agent|agent|/tmp\n`)
  })

  test('without input, standard input is empty', async () => {
    expect((await bench.run({ script: 'cat; echo end' })).stdout).toBe('end\n')
  })

  test('a megabyte of input and fifty of output pass without loss', async () => {
    const stdin = 'abcdefghi\n'.repeat(100_000)
    const seen = await bench.run({ script: 'for i in {1..50}; do cat input; done', stdin: '' })
    expect(seen.exitCode).toBe(1)
    const echoed = await bench.run({
      script: 'cat >input; for i in {1..50}; do cat input; done; cat input >&2',
      stdin,
    })
    expect(echoed.stdout === stdin.repeat(50)).toBe(true)
    expect(echoed.stderr === stdin).toBe(true)
  })

  test('input nobody reads does no harm', async () => {
    const text = 'x'.repeat(1_000_000)
    expect((await bench.run({ script: 'exit 3', stdin: text })).exitCode).toBe(3)
    expect((await bench.run({ script: 'exit 3', stdin: Promise.resolve(text) })).exitCode).toBe(3)
    const ended = Promise.withResolvers<string>()
    expect((await bench.run({ script: 'exit 3', stdin: ended.promise })).exitCode).toBe(3)
    ended.resolve(text)
  })

  test('a process starts before its input is known', async () => {
    const started = Promise.withResolvers<string>()
    const argv = ['bash', '-c', 'echo started; cat']
    const child = await bench.provider.start(bench.sandboxId, {
      argv,
      network: 'none',
      stdin: started.promise,
    })
    let stdout = ''
    for await (const chunk of child.stdout) {
      stdout += Buffer.from(chunk).toString()
      if (stdout === 'started\n') started.resolve('late'.repeat(250_000))
    }
    expect(stdout).toBe(`started\n${'late'.repeat(250_000)}`)
    expect(await child.exited).toEqual({ exitCode: 0, signal: null })
  })

  test('input that never comes to be leaves stdin empty', async () => {
    const stdin = Promise.reject(new Error('nothing to say'))
    expect((await bench.run({ script: 'cat; echo end', stdin })).stdout).toBe('end\n')
  })
}

function describeEnds(bench: Bench): void {
  test('exit codes and signals are told apart', async () => {
    expect(await bench.run({ script: 'exit 0' })).toMatchObject({ exitCode: 0, signal: null })
    expect(await bench.run({ script: 'exit 7' })).toMatchObject({ exitCode: 7, signal: null })
    expect(await bench.run({ script: 'kill -TERM $$' })).toMatchObject({ exitCode: null, signal: 'SIGTERM' })
    expect(await bench.run({ script: 'kill -KILL $$' })).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
  })

  test('a program that is missing ends with 127', async () => {
    const started = await bench.provider.start(bench.sandboxId, {
      argv: ['no-such-program'],
      network: 'none',
    })
    expect(await started.exited).toEqual({ exitCode: 127, signal: null })
  })

  test('several processes share a sandbox at once', async () => {
    const runs = Array.from({ length: 6 }, (_, index) =>
      bench.run({
        script: `echo ${index} >shared-${index}; until [ -e shared-5 ]; do sleep 0.05; done; cat shared-${index}`,
      }),
    )
    const seen = await Promise.all(runs)
    expect(seen.map(each => each.stdout)).toEqual(['0\n', '1\n', '2\n', '3\n', '4\n', '5\n'])
  })
}

/** Runs a bash script to its end. */
async function runScript(
  provider: SandboxProvider,
  sandboxId: string,
  { script, ...command }: Partial<SandboxCommand> & { script: string },
): Promise<Finished> {
  const started = await provider.start(sandboxId, {
    argv: ['bash', '-c', script],
    network: 'none',
    ...command,
  })
  const [stdout, stderr, exit] = await Promise.all([
    new Response(started.stdout).text(),
    new Response(started.stderr).text(),
    started.exited,
  ])
  return { stdout, stderr, ...exit }
}

/** Command lines of the host's processes that contain `text`. */
export function commandLinesWith(text: string): string[] {
  return processesWith(text).map(({ commandLine }) => commandLine)
}

/** The host's processes whose command line contains `text`. */
export function processesWith(text: string): { pid: number; commandLine: string }[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return { pid: Number(pid), commandLine }
      } catch {
        // Ended while we were reading.
        return []
      }
    })
    .filter(({ commandLine }) => commandLine.includes(text))
}
