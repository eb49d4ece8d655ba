import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { createAccessLog } from './access-log.ts'
import type { Caller } from './callers/caller.ts'
import type { Exchange } from './exchange.ts'

/** The line for a request of `caller`, as a reader of the log gets it. */
function lineFor(caller: Caller | null, pattern: string | null): Record<string, unknown> {
  let text = ''
  const log = createAccessLog(lines => {
    text += lines
  })
  const exchange: Pick<Exchange, 'requestId' | 'pattern' | 'startedAt' | 'caller' | 'clientIp'> & {
    request: { method: string }
  } = {
    ...{ requestId: 'some-request', pattern, caller, clientIp: '192.0.2.1', request: { method: 'GET' } },
    startedAt: performance.now(),
  }
  log.record(exchange as Exchange, 200)
  log.flush()
  expect(text.endsWith('\n')).toBe(true)
  return JSON.parse(text)
}

test('a line says what the fields are, whatever characters the ids are made of', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (userId, keyId) => {
      const pat = lineFor({ mode: 'pat', userId, keyId, scopes: [] }, '/api/repos')
      expect(pat).toMatchObject({ amr: 'pat', userId: userId.toWellFormed(), keyId: keyId.toWellFormed() })
      const session = lineFor({ mode: 'session', userId, sessionId: 's' }, null)
      expect(session).toMatchObject({
        amr: 'session',
        userId: userId.toWellFormed(),
        keyId: null,
        route: null,
      })
    }),
  )
})

test('without a caller there is no user, and a line has exactly the documented fields', () => {
  const line = lineFor(null, null)
  expect(line).toMatchObject({ amr: null, userId: null, keyId: null, status: 200, method: 'GET' })
  expect(Object.keys(line)).toEqual([
    ...['level', 'time', 'process', 'event', 'rid', 'method', 'route', 'status', 'ms'],
    ...['amr', 'userId', 'keyId', 'clientIp'],
  ])
})
