import { expect, test } from 'bun:test'
import { DrizzleQueryError } from 'drizzle-orm'
import postgres from 'postgres'
import { describeError, messageOf } from './describe-error.ts'
import { ApiError, unavailable } from './errors.ts'
import { createLog } from './log.ts'

const SECRET = 's3cret'

/** As the driver makes them: with all that the server said, and what was asked. */
function databaseError(code: string, message: string, rest: Record<string, string> = {}): Error {
  const said = { code, message, severity: 'ERROR', severity_local: 'ERROR', routine: 'f', file: '', line: '' }
  return Object.assign(new postgres.PostgresError(message), said, rest, {
    parameters: [SECRET],
    args: [SECRET],
  })
}

/** What is left of an error in a log, and whether the secret is. */
function logged(err: unknown) {
  const lines: string[] = []
  createLog({ process: 'test', level: 'info', write: line => void lines.push(line) }).error({
    event: 'e',
    err,
  })
  expect(lines.join()).not.toContain(SECRET)
  return JSON.parse(lines[0] ?? '').err
}

test('an error is described with its causes, and without the parameters of a query', () => {
  const cause = Object.assign(new Error('no such column'), { code: '42703' })
  const failed = new DrizzleQueryError('insert into t values ($1)', [`${SECRET}\n at ${SECRET}`], cause)
  expect(logged(failed)).toMatchObject({
    message: 'Failed query: insert into t values ($1)',
    cause: { message: 'no such column', code: '42703' },
    at: expect.stringContaining('describe-error.test.ts'),
  })
})

test.each([
  ['23505', 'duplicate key value violates unique constraint "users_email"'],
  ['23502', 'null value in column "name" of relation "users" violates not-null constraint'],
  ['42P01', 'relation "users" does not exist'],
  ['53100', 'could not extend file "base/1/2": No space left on device'],
])('%s keeps its message and the names it is about, and loses the row', (code, message) => {
  const detail = `Key (email)=(${SECRET}) already exists.`
  const names = { table_name: 'users', constraint_name: 'users_email' }
  const described = logged(databaseError(code, message, { detail, where: detail, hint: detail, ...names }))
  expect(described).toMatchObject({ code, message, ...names })
})

test.each([
  ['22P02', `invalid input syntax for type uuid: "a"${SECRET}"b"`, 'invalid input syntax for type uuid: "…"'],
  ['22003', `value "${SECRET}" is out of range`, 'value "…" is out of range'],
  ['P0001', `row (1,${SECRET})`, 'raised in the database'],
])('%s tells the value in its message, which goes', (code, message, expected) => {
  expect(logged(databaseError(code, message))).toMatchObject({ code, message: expected })
})

test.each([
  ['a value in the statement itself', new DrizzleQueryError(`select '${SECRET}''${SECRET}'`, [])],
  ['a parser', new SyntaxError(`JSON Parse error: Unexpected identifier "${SECRET}"`)],
  ['a validation', Object.assign(new Error(`{"found":"${SECRET}"}`), { code: 'VALIDATION' })],
  ['a URL with a password', new TypeError(`Unable to reach https://bot:${SECRET}@git.test/x.git`)],
  ['a URL with a password that has an @', new Error(`nats://a:${SECRET}@${SECRET}@host:1 is away`)],
  ['a URL with a query', new Error(`GET https://api.test/user?code=${SECRET}&x=${SECRET} failed`)],
  ['a header', new Error(`Header authorization has invalid value: Bearer ${SECRET}`)],
  ['a token', new Error(`mog_${SECRET}0123456789 is not known, nor sk-${SECRET}-0123`)],
  ['an address', new Error(`no user ${SECRET}@example.test here`)],
  ['several at once', new AggregateError([databaseError('P0001', SECRET)], 'all failed')],
  [
    'a cause far below',
    unavailable('away', { cause: new Error('x', { cause: new SyntaxError(`"${SECRET}"`) }) }),
  ],
  ['what is no error', { toString: (): string => SECRET }],
  ['a code that is none', Object.assign(new Error('x'), { code: `${SECRET} ` })],
])('%s is left out of what is logged', (_, err) => {
  expect(logged(err)).toHaveProperty('message')
})

test('causes that go round in a circle come to an end', () => {
  const first = new Error('first')
  first.cause = new Error('second', { cause: first })
  expect(JSON.stringify(describeError(first)).length).toBeLessThan(10_000)
})

test('our own words stay', () => {
  expect(messageOf(new ApiError('CONFLICT', 'This name is taken'))).toBe('This name is taken')
  expect(messageOf(new TypeError("undefined is not an object (evaluating 'a.b')"))).toContain("'a.b'")
})

test('a text is cleaned under whatever name it is logged', () => {
  const lines: string[] = []
  const log = createLog({ process: 'test', level: 'info', write: line => void lines.push(line) })
  log.info({
    event: 'e',
    stderr: `fatal: https://bot:${SECRET}@git.test/`,
    deep: [{ url: `https://x/?t=${SECRET}` }],
  })
  log.info({ event: 'e', failure: databaseError('P0001', SECRET) })
  expect(lines.join()).not.toContain(SECRET)
  expect(lines.join()).toContain('fatal: https://[redacted]@git.test/')
})
