import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { inTenths } from './milliseconds.ts'

test('a time is told to a tenth of a millisecond', () => {
  expect([0, 0.04, 0.05, 0.96, 12.34, 30_000].map(inTenths)).toEqual([
    ...['0.0', '0.0', '0.1', '1.0', '12.3', '30000.0'],
  ])
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), ms => {
      expect(Number(inTenths(ms))).toBe(Math.round(ms * 10) / 10)
    }),
  )
})

test('clocks that disagree about nothing do not make a time negative', () => {
  expect(inTenths(-0.2)).toBe('0.0')
})
