import { expect, test } from 'bun:test'
import { PATIENT, tryAgain } from './try-again.ts'

/** A clock that only moves while somebody waits. */
function fakeClock(random = 1) {
  const waits: number[] = []
  let time = 0
  const sleep = async (ms: number) => {
    waits.push(ms)
    time += ms
  }
  return {
    waits,
    patience: { ...PATIENT, sleep, now: () => time, random: () => random },
    pass: (ms: number) => (time += ms),
  }
}

const failing = (times: number) => async (attempt: number) => {
  if (attempt <= times) throw new Error(`try ${attempt}`)
  return attempt
}
const isPassing = () => true

test('what fails is tried five times more, the delays growing from 4 to 60 s', async () => {
  const { patience, waits } = fakeClock(1)
  expect(await tryAgain(failing(4), { isPassing, patience })).toBe(5)
  expect(waits).toEqual([4_000, 8_000, 16_000, 32_000])
})

test('after the sixth try, or two minutes, the last failure is thrown', async () => {
  const half = fakeClock(0.5)
  await expect(tryAgain(failing(9), { isPassing, patience: half.patience })).rejects.toThrow('try 6')
  expect(half.waits.reduce((sum, ms) => sum + ms)).toBe(60_000)
  const slow = fakeClock(1)
  await expect(tryAgain(failing(9), { isPassing, patience: slow.patience })).rejects.toThrow('try 6')
  const hanging = fakeClock(0)
  const work = async (attempt: number) => {
    hanging.pass(50_000)
    throw new Error(`try ${attempt}`)
  }
  await expect(tryAgain(work, { isPassing, patience: hanging.patience })).rejects.toThrow('try 3')
})

test('a delay is anything between none and its bound', async () => {
  const { patience, waits } = fakeClock(0)
  expect(await tryAgain(failing(5), { isPassing, patience })).toBe(6)
  expect(waits).toEqual([0, 0, 0, 0, 0])
})

test('what does not pass is not tried again', async () => {
  const { patience, waits } = fakeClock()
  await expect(tryAgain(failing(9), { isPassing: () => false, patience })).rejects.toThrow('try 1')
  expect(waits).toEqual([])
})

test('an abort ends the waiting at once', async () => {
  const abort = new AbortController()
  const patience = { delaysMs: [60_000], limitMs: 120_000, random: () => 1 }
  const startedAt = performance.now()
  const trying = tryAgain(failing(9), { isPassing, patience, signal: abort.signal })
  setTimeout(() => abort.abort(), 20)
  await expect(trying).rejects.toThrow('try 1')
  expect(performance.now() - startedAt).toBeLessThan(5_000)
})
