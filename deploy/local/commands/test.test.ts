import { expect, test } from 'bun:test'
import { closingCounts } from './test.ts'

test.each([
  ['\n 12 pass\n 0 fail\nRan 12 tests', 0, { passed: 12, failed: 0 }],
  ['\u001b[32m 3 pass\u001b[0m\n\u001b[31m 2 fail\u001b[0m\n', 1, { passed: 3, failed: 2 }],
  [' 1 pass\n 0 fail\n 2 errors\n', 1, { passed: 1, failed: 2 }],
  [' 9 pass\n 9 fail\nthe last one counts\n 1 pass\n 0 fail\n', 0, { passed: 1, failed: 0 }],
  ['crashed', 139, { passed: 0, failed: 1 }],
])('the closing line is true for %j', (report, exitCode, counts) => {
  expect(closingCounts(report, exitCode)).toEqual(counts)
})
