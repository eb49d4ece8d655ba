import { expect, test } from 'bun:test'
import { nextDelayMs } from './back-off.ts'

test('a program that keeps ending is started again after 0.2 s, doubling up to 10 s', () => {
  const delays: number[] = []
  for (let count = 0; count < 9; count += 1) delays.push(nextDelayMs(delays.at(-1) ?? 0, 100))
  expect(delays).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000])
})

test('30 s of work begin the series anew', () => {
  expect(nextDelayMs(10_000, 29_999)).toBe(10_000)
  expect(nextDelayMs(10_000, 30_000)).toBe(200)
})
