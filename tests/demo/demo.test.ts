import { expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { CACHE_DIRECTORY } from '../model-endpoint/run-cli.ts'
import { processesWith } from '../system/processes.ts'

/** Enough to fetch the CLIs on a slow line, once. */
setDefaultTimeout(300_000)

function startDemo(environment: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), CACHE_DIRECTORY], {
    env: { ...process.env, ...environment },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let printed = ''
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const bytes of stream) printed += decoder.decode(bytes, { stream: true })
  }
  const isRead = Promise.all([read(child.stdout), read(child.stderr)])
  const ended = child.exited.then(async exitCode => {
    await isRead
    return exitCode
  })
  return { child, ended, printed: () => printed }
}

/** Directories of a demo carry its pid in their names, and so do arguments of its processes. */
const markOf = (pid: number) => `mogplex-test-${pid}-`

async function expectNothingLeft(pid: number): Promise<void> {
  const mark = markOf(pid)
  await waitUntil(() => processesWith(mark).length === 0, { limitMs: 30_000 })
  expect(processesWith(mark)).toEqual([])
  expect(readdirSync(tmpdir()).filter(name => name.startsWith(mark))).toEqual([])
}

test('the tour goes to its end, with both agents, and uses no key of the person', async () => {
  const keys = { ANTHROPIC_API_KEY: 'sk-ant-of-the-person', OPENAI_API_KEY: 'sk-of-the-person' }
  const { child, ended, printed } = startDemo(keys)
  expect([await ended, printed()]).toEqual([0, expect.stringContaining('That was all')])
  expect(printed().match(/^ +status +success$/gm)).toHaveLength(2)
  expect(printed().match(/ finished +Pushed 1 changed file to /g)).toHaveLength(2)
  expect(printed().match(/^ +Author: You <you@example\.com>$/gm)).toHaveLength(2)
  expect(printed()).toContain('ANTHROPIC_API_KEY and OPENAI_API_KEY in your environment: not used here')
  expect(printed()).not.toContain('of-the-person')
  expect(printed()).not.toMatch(/mog_\w{10}/)
  await expectNothingLeft(child.pid)
})

test('what goes wrong is said, and the exit code is 1', async () => {
  const { child, ended, printed } = startDemo({ PATH: '/nonexistent' })
  expect(await ended).toBe(1)
  expect(printed()).toMatch(/^The demo failed: .*git/m)
  await expectNothingLeft(child.pid)
})

test('an interrupted demo leaves nothing behind', async () => {
  const { child, ended, printed } = startDemo()
  expect(await waitUntil(() => printed().includes(' stream_started '), { limitMs: 240_000 })).toBe(true)
  expect(processesWith(markOf(child.pid)).length).toBeGreaterThan(0)
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  await expectNothingLeft(child.pid)
})
