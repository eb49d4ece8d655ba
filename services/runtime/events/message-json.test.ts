/** A JSON text is cleaned alike as the message of an event and within its payload (v1 contract 9, step 3). */
import { describe, expect, test } from 'bun:test'
import { newEvent, storableEvent } from './append.ts'
import { sanitisePayload, sanitiseText } from './sanitise.ts'

const SECRET = 'hunter2hunter2'
const HIDDEN = '[redacted]'

/** The text as it is stored and as v1 shows it, as a message and as a member of the payload. */
function places(text: string) {
  const stored = storableEvent(newEvent('log', { message: text, payload: { text } }), [SECRET])
  return {
    stored: [stored.message, stored.payload.text],
    shown: [sanitiseText(stored.message ?? ''), sanitisePayload(stored.payload).text],
  }
}

const json = JSON.stringify

describe('a message that is JSON', () => {
  test.each<[string, string, string]>([
    ['a member named like a secret', json({ password: 'x', n: 1 }), json({ password: HIDDEN, n: 1 })],
    ['an exact key', json({ env: { A: 'b' } }), json({ env: HIDDEN })],
    ['a member further in', json({ a: { b: { token: 'x' } } }), json({ a: { b: { token: HIDDEN } } })],
    ['a list', json([{ cookie: 'x' }, 'y']), json([{ cookie: HIDDEN }, 'y'])],
    ['blanks around it', ` \n ${json({ secret: 'x' })} \n`, json({ secret: HIDDEN })],
    ['JSON in JSON', json({ a: json({ jwt: 'x' }) }), json({ a: json({ jwt: HIDDEN }) })],
    [
      'a list in JSON in JSON',
      json([json({ a: json([{ api_key: 'x' }]) })]),
      json([json({ a: json([{ api_key: HIDDEN }]) })]),
    ],
    ['a known secret as a value', json({ a: SECRET }), json({ a: HIDDEN })],
    ['a known secret as a key', json({ [SECRET]: 1 }), json({ [HIDDEN]: 1 })],
    ['a shape of a credential', json({ a: 'Bearer abc' }), json({ a: `Bearer ${HIDDEN}` })],
    ['a shape that JSON escapes', json({ a: 'x\nghp_abcdef' }), json({ a: `x\n${HIDDEN}` })],
    [
      'figures of usage',
      json({ input_tokens: 5, token_count: null }),
      json({ input_tokens: 5, token_count: null }),
    ],
    ['no secret at all', json({ a: [1, null, true] }), json({ a: [1, null, true] })],
    ['no JSON', 'password: x {"token":"y"}', 'password: x {"token":"y"}'],
    ['a JSON string', json('{"token":"y"}'), json('{"token":"y"}')],
    ['half of one', '{"password":"x"', '{"password":"x"'],
  ])('with %s', (_, text, cleaned) => {
    const { stored, shown } = places(text)
    expect(stored).toEqual([cleaned, cleaned])
    expect(shown).toEqual([cleaned, cleaned])
  })

  test.each<[string, unknown]>([
    ['too many entries', Array.from({ length: 40 }, (_, index) => index)],
    ['too many members', Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`k${index}`, index]))],
    ['too much depth', { a: { b: { c: { d: 1 } } } }],
    ['a long text', { a: 'x'.repeat(3_000) }],
  ])('with %s loses as much in v1 as in the payload', (_, value) => {
    const { shown } = places(json(value))
    expect(shown[0]).not.toBe(json(value))
    expect(shown[0]).toBe(String(shown[1]))
  })

  test.each([3_000, 3_990, 5_000, 50_000, 500_000])(
    'of %d characters keeps no secret where it is cut',
    length => {
      const text = json({
        first: { token: 'aaaa1111' },
        fill: 'x'.repeat(length),
        password: 'bbbb2222',
        last: SECRET,
      })
      const { stored, shown } = places(text)
      for (const place of [...stored, ...shown]) {
        expect(String(place)).toStartWith(`{"first":{"token":"${HIDDEN}"},"fill":"x`)
        expect(String(place)).not.toMatch(/aaaa1111|bbbb2222|hunter2/)
      }
    },
  )

  test('that is cut loses entries and depth before it is cut, as the payload does', () => {
    const text = json({
      list: Array.from({ length: 600 }, (_, at) => ({ at, deep: { deeper: { deepest: 'seen' } } })),
    })
    const [message, member] = places(text).shown.map(place => String(place).slice(0, 900))
    expect(message).toBe(String(member))
  })
})
