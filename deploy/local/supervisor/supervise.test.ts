import { afterEach, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess } from '@mogplex/kit/processes/identity.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { stopInOrder } from './stop-in-order.ts'
import { type Program, type Supervised, supervise } from './supervise.ts'

const started: Supervised[] = []
afterEach(() => {
  for (const program of started.splice(0)) program.kill()
})

interface Seen {
  news: string[]
  output: string
  pids: number[]
}

function run(script: string, changes: Partial<Program> = {}): { program: Supervised; seen: Seen } {
  const seen: Seen = { news: [], output: '', pids: [] }
  const program = supervise(
    {
      name: 'program',
      command: ['/bin/sh', '-c', script],
      environment: { PATH: process.env.PATH },
      directory: '/',
      stopSignal: 'SIGTERM',
      isReady: async () => true,
      ...changes,
    },
    {
      onNews: text => seen.news.push(text),
      onOutput: bytes => {
        seen.output += Buffer.from(bytes).toString()
      },
      onPid: pid => void (pid !== null && seen.pids.push(pid)),
    },
  )
  started.push(program)
  return { program, seen }
}

test('a program that ends is started again, and says why it ended', async () => {
  const { program, seen } = run('echo works; sleep 0.3; exit 3')
  await program.ready(20_000)
  const isBack = () => seen.news.includes('is back') && seen.output.length >= 12
  await waitUntil(isBack, { limitMs: 20_000 })
  expect(seen.news[0]).toBe('ended (exit code 3); starting it again in 0.2 s')
  expect(seen.output).toStartWith('works\nworks\n')
  expect(new Set(seen.pids).size).toBe(seen.pids.length)
})

test('a program is asked before each start how it is started this time', async () => {
  let starts = 0
  const { program, seen } = run('echo never', {
    startAs: async () => ({
      command: ['/bin/sh', '-c', 'echo "$TURN"; sleep 0.3'],
      environment: { PATH: process.env.PATH, TURN: `turn ${++starts}` },
    }),
  })
  await program.ready(20_000)
  expect(await waitUntil(() => seen.output.includes('turn 2\n'), { limitMs: 20_000 })).toBe(true)
  expect(seen.output).toStartWith('turn 1\nturn 2\n')
})

test('a program that never becomes ready is given up', async () => {
  const { program, seen } = run('exit 1', { isReady: async () => false })
  await expect(program.ready(20_000)).rejects.toThrow('program does not start')
  expect(seen.news.length).toBeGreaterThanOrEqual(5)
})

test('a program that is stopped is not started again', async () => {
  const { program, seen } = run('sleep 600')
  await program.ready(20_000)
  await program.stop(20_000)
  await Bun.sleep(400)
  expect(seen.pids).toHaveLength(1)
  expect(seen.news).toEqual([])
})

test('a program that is stopped while it waits to be started again stays stopped', async () => {
  const { program, seen } = run('exit 1')
  await waitUntil(() => seen.news.length > 0, { limitMs: 20_000, everyMs: 10 })
  const starts = seen.pids.length
  await program.stop(20_000)
  await Bun.sleep(1_000)
  expect(seen.pids).toHaveLength(starts)
})

test('a program that will not end is killed with all it started', async () => {
  const file = join(temporaryDirectory('supervise'), 'child')
  const { program, seen } = run(`trap '' TERM; sleep 600 & echo $! > ${file}; while :; do sleep 0.1; done`)
  const written = async () => (existsSync(file) ? Bun.file(file).text() : '')
  await waitUntil(async () => (await written()).endsWith('\n'), { limitMs: 20_000 })
  const child = Number(await written())
  await program.stop(300)
  expect(seen.news).toEqual(['did not end in time and was killed'])
  expect(await waitUntil(() => identifyProcess(child) === null, { limitMs: 20_000 })).toBe(true)
})

test('programs are stopped one after the other, and one that hangs does not use up the next one’s time', async () => {
  const ended: string[] = []
  const stand = (name: string, needsMs: number): Supervised => ({
    name,
    ready: async () => undefined,
    kill: () => undefined,
    stop: async limitMs => {
      await Bun.sleep(Math.min(needsMs, limitMs))
      ended.push(`${name}${needsMs > limitMs ? ' killed' : ''}`)
    },
  })
  const plan = [
    { name: 'first', untilMs: 200 },
    { name: 'absent', untilMs: 300 },
    { name: 'second', untilMs: 2_000 },
  ]
  await stopInOrder([stand('second', 100), stand('first', 60_000)], plan)
  expect(ended).toEqual(['first killed', 'second'])
})
