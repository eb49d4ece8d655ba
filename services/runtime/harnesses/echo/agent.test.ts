import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { createEchoParser } from './parser.ts'

let directory = ''
let root = ''

beforeEach(async () => {
  directory = await realpath(await mkdtemp(`${tmpdir()}/mogplex-echo-`))
  root = `${directory}/root`
  await mkdir(root)
})

afterEach(() => rm(directory, { recursive: true, force: true }))

async function run(prompt: string) {
  const child = Bun.spawn(['node', `${import.meta.dir}/agent.mjs`], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '' },
    stdin: new TextEncoder().encode(prompt),
    stdout: 'pipe',
  })
  const parser = createEchoParser()
  const lines = (await new Response(child.stdout).text()).split('\n')
  const events = [...lines.flatMap(line => parser.line(line)), ...parser.end()]
  return { events, usage: parser.usage(), failed: parser.failed(), exitCode: await child.exited }
}

test('each line is a directive, any other line is answered by itself', async () => {
  const { events, exitCode, failed, usage } = await run(
    'say hello there\nwhat now?\n\nsleep soon\r\nsleep 1\nsay done',
  )
  expect(events).toEqual(
    ['hello there', 'what now?', 'sleep soon', 'done'].map(text => ({ kind: 'assistant', text })),
  )
  expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: false })
  expect(usage.inputTokens).toBeNull()
})

test('write makes files at nested paths, several of them', async () => {
  const { exitCode } = await run('write a/b/c.txt first text\nwrite a/b/d.txt second\nwrite a/b/c.txt again')
  expect(exitCode).toBe(0)
  expect(await Bun.file(`${root}/a/b/c.txt`).text()).toBe('again\n')
  expect(await Bun.file(`${root}/a/b/d.txt`).text()).toBe('second\n')
})

test.each(['../outside.txt', '/tmp/mogplex-outside.txt', 'a/../../outside.txt', '..', '.'])(
  'write does not leave the root: %s',
  async path => {
    const { exitCode, failed } = await run(`write ${path} x\nsay unreachable`)
    expect({ exitCode, failed }).toEqual({ exitCode: 1, failed: true })
    expect(await Bun.file(`${directory}/outside.txt`).exists()).toBe(false)
  },
)

test('write does not follow a link out of the root', async () => {
  await symlink(directory, `${root}/out`)
  await symlink(`${directory}/target.txt`, `${root}/link.txt`)
  await Bun.write(`${directory}/target.txt`, 'untouched')
  expect((await run('write out/new/file.txt x')).exitCode).toBe(1)
  expect((await run('write link.txt x')).exitCode).toBe(1)
  expect(await Bun.file(`${directory}/target.txt`).text()).toBe('untouched')
  expect(await Bun.file(`${directory}/new/file.txt`).exists()).toBe(false)
})

test('write does not create the target of a dangling link out of the root', async () => {
  await symlink(`${directory}/dangling.txt`, `${root}/link.txt`)
  expect((await run('write link.txt x')).exitCode).toBe(1)
  expect(await Bun.file(`${directory}/dangling.txt`).exists()).toBe(false)
})

test('run is a tool named shell; its failure does not end the run', async () => {
  const { events, exitCode } = await run('run pwd; echo oops >&2; exit 3\nrun echo ok')
  expect(events).toEqual([
    {
      kind: 'tool_started',
      toolCallId: 'tool-1',
      toolName: 'shell',
      input: { command: 'pwd; echo oops >&2; exit 3' },
    },
    {
      kind: 'tool_finished',
      toolCallId: 'tool-1',
      toolName: 'shell',
      success: false,
      output: `${root}\noops\n`,
    },
    { kind: 'tool_started', toolCallId: 'tool-2', toolName: 'shell', input: { command: 'echo ok' } },
    { kind: 'tool_finished', toolCallId: 'tool-2', toolName: 'shell', success: true, output: 'ok\n' },
  ])
  expect(exitCode).toBe(0)
})

test('usage is reported and summed, fail ends with exit code 1', async () => {
  const { events, usage, failed, exitCode } = await run('usage 10 20\nusage 1 2\nfail it broke\nsay never')
  expect(usage).toMatchObject({
    inputTokens: 11,
    outputTokens: 22,
    cacheReadInputTokens: null,
    reportedCostUsd: null,
  })
  expect(events).toEqual([{ kind: 'error', message: 'it broke' }])
  expect({ failed, exitCode }).toEqual({ failed: true, exitCode: 1 })
})

test('a long prompt comes through stdin whole', async () => {
  const text = 'x'.repeat(300_000)
  expect((await run(`say ${text}`)).events).toEqual([{ kind: 'assistant', text }])
})
