import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { newEvent, storableEvent } from './append.ts'
import { MAX_TEXT_LENGTH, redactExcerpt } from './redact.ts'
import { cutMargin } from './secret-texts.ts'

const KNOWN = 'q1w2e3r4t5y6u7i8o9p0'
const LONG = Array.from({ length: 600 }, (_, index) => `part${index}`).join('-')
const SECRETS = [KNOWN, LONG]
/** What a secret looks like, and what of it must not be readable. */
const HIDDEN: [text: string, secret: string][] = [
  [KNOWN, KNOWN],
  [LONG, LONG],
  ['AKIAABCDEFGHIJKLMNOP', 'AKIAABCDEFGHIJKLMNOP'],
  ['sk-proj-abcdEFGH1234', 'sk-proj-abcdEFGH1234'],
  [`x-access-token:${'s3cr3tpass'.repeat(20)}@`, 's3cr3tpass'],
  ['Bearer abcdefghij0123456789', 'abcdefghij0123456789'],
]
/** Enough of a secret to be of use; more than what any two of them share with ordinary words. */
const READABLE = 9

interface Place {
  hidden: [text: string, secret: string]
  maxLength: number
  /** How far before the cut it begins. */
  before: number
  /** How many secrets in front of it make the text shorter than it was. */
  others: number
  after: string
}

const cut = (text: string, maxLength: number) => redactExcerpt(text, maxLength, SECRETS)

describe('no beginning of a secret is left where a text is cut', () => {
  const place: fc.Arbitrary<Place> = fc.record({
    hidden: fc.constantFrom(...HIDDEN),
    maxLength: fc.constantFrom(50, 200, 4_000),
    before: fc.integer({ min: -60, max: 4_200 }),
    others: fc.nat({ max: 5 }),
    after: fc.constantFrom('', ' ', '\n', 'y'.repeat(10_000), ' y'.repeat(10_000)),
  })
  const textOf = ({ hidden: [shown], maxLength, before, others, after }: Place) => {
    const front = `${KNOWN} `.repeat(others)
    return `${front}${'.'.repeat(Math.max(0, maxLength - before - front.length))} ${shown}${after}`
  }
  const isReadable = (text: string, secret: string) => text.includes(secret.slice(0, READABLE))

  test('in plain text', () => {
    fc.assert(
      fc.property(place, at => {
        const { text } = cut(textOf(at), at.maxLength)
        expect(text.length).toBeLessThanOrEqual(at.maxLength)
        expect(isReadable(text, at.hidden[1])).toBe(false)
      }),
      { numRuns: 2_000 },
    )
  })

  test('where whoever read the text stopped a margin behind the cut', () => {
    fc.assert(
      fc.property(place, at => {
        const whole = textOf(at)
        const read = whole.slice(0, at.maxLength + cutMargin(SECRETS))
        expect(isReadable(cut(read, at.maxLength).text, at.hidden[1])).toBe(false)
      }),
      { numRuns: 2_000 },
    )
  })

  test('in texts that are the beginning of JSON, where also the members tell what is secret', () => {
    fc.assert(
      fc.property(place, at => {
        const json = JSON.stringify({ password: 'hunter2-hunter2', log: textOf(at), list: [textOf(at)] })
        const { text } = cut(json, at.maxLength)
        expect(isReadable(text, at.hidden[1])).toBe(false)
        expect(text).not.toContain('hunter2')
      }),
      { numRuns: 2_000 },
    )
  })
})

test('what only looks like JSON keeps its text', () => {
  for (const beginning of ['{not json ', '[info] started ', '[1, 2] and more ', '{ "a" ', '{a: 1, b: 2 ']) {
    const { text, isCut } = cut(beginning.repeat(2_000), 1_000)
    expect(text).toBe(beginning.repeat(2_000).slice(0, 1_000))
    expect(isCut).toBe(true)
  }
})

test('a long member of JSON keeps its beginning', () => {
  const { text } = cut(JSON.stringify({ token: 'abc', log: 'é\n'.repeat(5_000) }), 2_000)
  expect(text).toStartWith('{"token":"[redacted]","log":"é\\né\\n')
  expect(text.length).toBe(2_000)
})

test('a text within the limit is whole, and no character is cut in two', () => {
  expect(cut('x'.repeat(200), 200)).toEqual({ text: 'x'.repeat(200), isCut: false })
  expect(cut(`${'x'.repeat(199)}🦊`, 200)).toEqual({ text: 'x'.repeat(199), isCut: true })
})

describe('an event takes a bounded room, whatever it holds', () => {
  const LIMIT = 257 * 1024
  const payloads: [string, unknown][] = [
    ['control characters, six bytes each', '\u0001'.repeat(1_000_000)],
    ['characters of three bytes', Array.from({ length: 20 }, () => '漢'.repeat(40_000))],
    ['a million keys', Object.fromEntries(Array.from({ length: 1_000_000 }, (_, key) => [`key${key}`, 1]))],
    ['a million entries', Array.from({ length: 1_000_000 }, () => 'x')],
    [
      'long keys',
      Object.fromEntries(Array.from({ length: 500 }, (_, key) => [`${key}${'k'.repeat(9_000)}`, 1])),
    ],
    ['nesting without end', JSON.parse(`${'[{"a":'.repeat(100_000)}1${'}]'.repeat(100_000)}`)],
    ['JSON in a string', JSON.stringify(Array.from({ length: 100_000 }, () => ({ a: 'b' })))],
  ]
  test.each(payloads)('%s', (_, input) => {
    const event = storableEvent(newEvent('tool_started', { toolName: 'x'.repeat(9_000), payload: { input } }))
    expect(event.bytes).toBeLessThan(LIMIT)
    expect(event.payload.truncated).toBe(true)
    expect(event.toolName?.length).toBe(200)
  })

  test('one that is whole does not say that it was cut', () => {
    const input = { command: 'x'.repeat(MAX_TEXT_LENGTH) }
    expect(storableEvent(newEvent('tool_started', { payload: { input } })).payload).toEqual({ input })
  })
})

test('the time to search a text grows with its length alone', () => {
  const parts = [
    'a',
    '-----BEGIN ',
    'Bearer ',
    'sk-',
    'ask-a',
    'x-access-token:',
    'AKIA',
    '[',
    '{"a":"',
    '\\u00',
  ]
  for (const part of parts) {
    const timeOf = (length: number) => {
      const text = part.repeat(length / part.length)
      const startedAt = process.cpuUsage()
      for (let round = 0; round < 5; round += 1) redactExcerpt(text, length, SECRETS)
      const { user, system } = process.cpuUsage(startedAt)
      return (user + system) / 1_000
    }
    timeOf(20_000)
    // Four times as long; the square would be sixteen.
    expect([part, timeOf(80_000) < 12 * timeOf(20_000) + 50]).toEqual([part, true])
  }
})
