import { expect, test } from 'bun:test'
import { median, quantile } from './statistics.ts'

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

test.each([
  [0, 1],
  [0.5, 50],
  [0.99, 99],
  [1, 100],
])('the quantile %d of 1 to 100, in any order, is %d', (share, value) => {
  expect(quantile(hundred, share)).toBe(value)
})

test('one outlier does not move the median', () => {
  expect(median([3, 1, 9_000])).toBe(3)
  expect(hundred[0]).toBe(100)
})

test('of an even number the median lies between the two in the middle', () => {
  expect(median([4, 1, 2, 100])).toBe(3)
})
