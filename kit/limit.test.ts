import { expect, test } from 'bun:test'
import { clampLimit } from './limit.ts'

test.each([
  [null, 100],
  ['', 100],
  ['abc', 100],
  ['0', 1],
  ['-3', 1],
  ['500', 200],
  ['99999999999999999999999', 200],
  ['12abc', 12],
  [' 7', 7],
  ['1e3', 1],
  ['200', 200],
])('limit %p means %p', (text, expected) => {
  expect(clampLimit(text, { default: 100, max: 200 })).toBe(expected)
})
