import { expect, test } from 'bun:test'
import { startPatience, waitAtMost } from './wait-at-most.ts'

test('what comes in time is given on, and what does not come is null', async () => {
  expect(await waitAtMost(Promise.resolve('there'), 10_000)).toBe('there')
  await expect(waitAtMost(Promise.reject(new Error('no')), 10_000)).rejects.toThrow('no')
  expect(await waitAtMost(new Promise(() => undefined), 0)).toBeNull()
  expect(await waitAtMost(new Promise(() => undefined), -1)).toBeNull()
})

test('patience runs out before that of the gateway, which is 30 s', () => {
  let now = 0
  const leftMs = startPatience(() => now)
  expect(leftMs()).toBeGreaterThan(20_000)
  now = 29_000
  expect(leftMs()).toBeLessThan(0)
})
