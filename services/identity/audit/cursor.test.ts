import { expect, test } from 'bun:test'
import { ApiError } from '@mogplex/kit/errors.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'

const POSITION = { at: new Date('2026-01-02T03:04:05.678Z'), id: crypto.randomUUID() }
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

test('a cursor is read back as it was given out; none is the first page', () => {
  expect(decodeCursor(encodeCursor(POSITION))).toEqual(POSITION)
  expect([decodeCursor(null), decodeCursor('')]).toEqual([null, null])
})

test('everything else is 400', () => {
  const { id } = POSITION
  const good = encodeCursor(POSITION)
  const bad = [
    ...['x', ' ', '%', '\0', '{}', `${good}=`, ` ${good}`, `${good}!`, good.slice(1), good.slice(0, -1)],
    ...[null, 1, [], {}, 'x', { at: POSITION.at }, { id }, { at: 1, id }, { at: POSITION.at, id: 'x' }].map(
      encode,
    ),
    ...['2026-01-02', '2026-02-30T00:00:00.000Z', '2026-13-01T00:00:00.000Z', '+275760-09-13T00:00:00.000Z']
      .concat('0000-01-01T00:00:00.000Z', '-000001-01-01T00:00:00.000Z', 'infinity')
      .map(at => encode({ at, id })),
    encode({ at: POSITION.at, id, more: 1 }),
    encode({ id, at: POSITION.at }),
  ]
  for (const text of bad) {
    const decode = () => decodeCursor(text)
    expect(decode, text).toThrow(new ApiError('BAD_REQUEST', 'Invalid cursor'))
  }
})
