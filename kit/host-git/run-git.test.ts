import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryDirectory } from '../test-bench/ended-at-exit.ts'
import { type GitLimits, SMALL } from './limits.ts'
import { runGit } from './run-git.ts'

const directory = temporaryDirectory('run-git')
const gitDirectory = join(directory, 'x.git')
await runGit({ directory, args: ['init', '-q', '--bare', gitDirectory], limits: SMALL })

/** A git whose alias is a shell command: the settings of a caller are its own. */
const shell = (command: string, limits: Partial<GitLimits> = {}) =>
  runGit({
    directory,
    gitDirectory,
    args: ['probe'],
    settings: [['alias.probe', `!${command}`]],
    limits: { ...SMALL, ...limits },
  })

test('nothing of our environment is inherited, and a remote is out of reach unless it is allowed', async () => {
  process.env.MOGPLEX_TEST_SECRET = 'secret'
  const { stdout } = await shell('env')
  delete process.env.MOGPLEX_TEST_SECRET
  expect(stdout).not.toContain('secret')
  expect(stdout).toContain('HOME=/nonexistent\n')
  const args = ['ls-remote', '--', 'ext::sh -c true']
  expect((await runGit({ directory, args, limits: SMALL })).stderr).toContain("transport 'ext' not allowed")
  const local = ['ls-remote', '--', gitDirectory]
  expect((await runGit({ directory, args: local, limits: SMALL })).stderr).toContain("transport 'file' not")
})

test('every process has the limits, a low priority, and goes first where memory runs out', async () => {
  const { stdout } = await shell('cat /proc/self/limits /proc/self/oom_score_adj; nice')
  expect(stdout).toMatch(new RegExp(`Max data size +${SMALL.memoryBytes} `))
  expect(stdout).toMatch(/Max cpu time +60 +65 /)
  expect(stdout).toMatch(new RegExp(`Max file size +${SMALL.fileBytes} `))
  expect(stdout).toMatch(/Max core file size +0 +0 /)
  expect(stdout).toMatch(/Max processes +\d+ /)
  expect(stdout).toEndWith('700\n5\n')
})

test.each([
  ['time', 'sleep 60', { timeoutMs: 300 }],
  ['output', 'yes', { outputBytes: 1_000 }],
  ['processor', 'while :; do :; done', { cpuSeconds: 1 }],
  ['size', 'head -c 5000000 /dev/zero > big', { fileBytes: 1_000_000 }],
  ['disk', 'sleep 60', { freeDiskBytes: Number.MAX_SAFE_INTEGER }],
] as const)(
  'a git that goes beyond its limit of %s is ended, and says so',
  async (limit, command, limits) => {
    const result = await shell(`exec sh -c '${command}'`, limits)
    expect(result.exceeded?.limit ?? result.stderr).toBe(limit)
  },
)

test('one that needs more memory than it may have says so', async () => {
  const stdin = (async function* () {
    for (let sent = 0; sent < 30; sent += 1) yield new Uint8Array(1024 ** 2)
  })()
  const args = ['hash-object', '--stdin']
  const limits = { ...SMALL, memoryBytes: 24 * 1024 ** 2 }
  expect((await runGit({ directory, gitDirectory, args, stdin, limits })).exceeded).toEqual({
    limit: 'memory',
    text: 'needed more than the 24 MiB of memory allowed here',
  })
})
