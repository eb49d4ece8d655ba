import { expect, test } from 'bun:test'
import { createLeaseClock } from './clock.ts'

test('it advances with whichever clock advances more, and never goes back', () => {
  let [monotonic, wall] = [100, 1_000_000]
  const clock = createLeaseClock(
    () => monotonic,
    () => wall,
  )
  expect(clock()).toBe(0)
  monotonic += 10
  wall += 8
  expect(clock()).toBe(10)
  // The machine was suspended: only the wall clock knows.
  wall += 60_000
  expect(clock()).toBe(60_010)
  // Somebody set the time back.
  monotonic += 5
  wall -= 30_000
  expect(clock()).toBe(60_015)
  monotonic += 5
  wall += 5
  expect(clock()).toBe(60_020)
})
