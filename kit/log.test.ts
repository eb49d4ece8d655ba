import { expect, test } from 'bun:test'
import { DrizzleQueryError } from 'drizzle-orm'
import { describeError } from './log.ts'

test('an error is described with its causes, and without the parameters of a query', () => {
  const cause = Object.assign(new Error('no such column'), { code: '42703' })
  const failed = new DrizzleQueryError('insert into t values ($1)', ['s3cret\n at s3cret'], cause)
  const described = describeError(failed)
  expect(described).toMatchObject({
    message: 'Failed query: insert into t values ($1)',
    cause: { message: 'no such column', code: '42703' },
    at: expect.stringContaining('log.test.ts'),
  })
  expect(JSON.stringify(described)).not.toContain('s3cret')
})
