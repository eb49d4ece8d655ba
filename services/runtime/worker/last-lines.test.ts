import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LastLines } from './last-lines.ts'

/** What `all` gives after these lines. */
function lastOf(lines: Iterable<string>, atLeast: number): string[] {
  const last = new LastLines(atLeast)
  for (const line of lines) last.add(line)
  return last.all()
}

const lengthOf = (lines: string[]) => lines.reduce((sum, line) => sum + line.length + 1, 0)

test('it keeps the last lines that have so many characters together, and none more', () => {
  const lines = fc.array(fc.string({ maxLength: 12 }), { maxLength: 80 })
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 200 }), (said, atLeast) => {
      const kept = lastOf(said, atLeast)
      expect(kept).toEqual(said.slice(said.length - kept.length))
      if (kept.length < said.length) expect(lengthOf(kept)).toBeGreaterThanOrEqual(atLeast)
      expect(lengthOf(kept.slice(1))).toBeLessThan(atLeast)
    }),
    { numRuns: 500 },
  )
})

test('of many lines too it keeps the last ones', () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => String(index).padStart(9))
  expect(lastOf(lines, 5_000)).toEqual(lines.slice(-500))
})

test('how many lines are kept makes none of them slower to add', () => {
  const lines = Array.from({ length: 400_000 }, () => '')
  const cpuMsOf = (atLeast: number) => {
    const startedAt = process.cpuUsage()
    lastOf(lines, atLeast)
    const { user, system } = process.cpuUsage(startedAt)
    return (user + system) / 1_000
  }
  cpuMsOf(100)
  // Moving all of them for each new one would take thousands of times as long.
  expect(cpuMsOf(200_000)).toBeLessThan(20 * cpuMsOf(100) + 200)
})
