import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { redactMessage, redactPayload } from './redact.ts'
import { sanitisePayload, sanitiseText } from './sanitise.ts'

const TOKENS = [
  `ghp_${'a1B2'.repeat(9)}`,
  'gho_short',
  'github_pat_11ABCDEFG0_abcdefghij',
  'sk-proj-abcdEFGH1234',
  'sk-ant-api03-aaaaBBBBccccDDDDeeee-xyz',
  'sb_secret_abc-DEF',
  `mog_${'x9'.repeat(16)}`,
  `mot_${'y-8'.repeat(15)}`,
  'xoxb-1234-abcd',
  'AKIAABCDEFGHIJKLMNOP',
]
/** What may stand before a token in a text, and must not hide it. */
const BEFORE = [' ', '"', "'", '=', ':', '_', '\n', '\\n', '\\t', '\\u000a', '%20', '%3D', '\u001b[31m', '/']

describe('no credential survives', () => {
  test.each(TOKENS)('%s, wherever it stands', token => {
    for (const before of BEFORE) {
      for (const redact of [redactMessage, sanitiseText]) {
        const result = redact(`first${before}${token} last`)
        expect(result).not.toContain(token.slice(0, 10))
        expect(result).toEndWith(' last')
      }
    }
  })

  test('Bearer and x-access-token keep their scheme', () => {
    expect(redactMessage('authorization: bearer abc.def-ghi, next')).toBe(
      'authorization: Bearer [redacted], next',
    )
    expect(redactMessage('https://x-access-token:s3cret@host/r.git')).toBe(
      'https://x-access-token:[redacted]@host/r.git',
    )
  })

  test.each([
    ['env', { A: '1' }],
    ['Env_Vars', ['x']],
    ['GITHUB-TOKEN', 5],
    ['aiBillingSource', 'own'],
    ['Authorization', 'x'],
    ['my-api-key', { deep: true }],
    ['apikey', null],
    ['accessToken', true],
    ['client_secret', 'x'],
    ['PASSWORD', 1],
    ['set-cookie', ['x']],
    ['credentials', {}],
    ['sessionId', 'x'],
    ['jwt', 'x'],
    ['input_tokens', '17'],
  ])('the whole value of a member named %s goes, at any depth', (key, value) => {
    for (const redact of [redactPayload, sanitisePayload]) {
      expect(redact({ [key]: value })).toEqual({ [key]: '[redacted]' })
      expect(redact({ a: { [key]: value } })).toEqual({ a: { [key]: '[redacted]' } })
      expect(redact({ a: JSON.stringify({ [key]: value }) })).toEqual({
        a: JSON.stringify({ [key]: '[redacted]' }),
      })
    }
    const deep = { a: { b: { c: { d: { e: { [key]: value } } } } } }
    expect(redactPayload(deep)).toEqual({ a: { b: { c: { d: { e: { [key]: '[redacted]' } } } } } })
  })

  test('a text that is JSON is redacted by its members, also as a message', () => {
    expect(redactMessage('{"password":"hunter2","n":1}')).toBe('{"password":"[redacted]","n":1}')
    expect(sanitiseText(' [ {"cookie":"a=b"} ]')).toBe('[{"cookie":"[redacted]"}]')
  })

  test('known values go in every form they can take', () => {
    const file = '-----BEGIN KEY-----\nAAAABBBBCCCCDDDDEEEE\nshort\n-----END KEY-----'
    const account = '{"type":"service","private":"abcdef"}'
    const secrets = ['s3cr3t', 's3cr3t-and-more', 'with "quote"', file, account, 'tiny']
    const redact = (text: string) => redactMessage(text, secrets)
    expect(redact('a s3cr3t-and-more b')).toBe('a [redacted] b')
    expect(redact('x={"v":"with \\"quote\\""}')).toBe('x={"v":"[redacted]"}')
    expect(redact('one line: AAAABBBBCCCCDDDDEEEE')).toBe('one line: [redacted]')
    expect(redact(`log ${JSON.stringify(file)}`)).toBe('log "[redacted]"')
    expect(redact(account)).toBe('[redacted]')
    expect(redact('tiny words stay')).toBe('tiny words stay')
    expect(redactPayload({ s3cr3t: ['s3cr3t'] }, secrets)).toEqual({ '[redacted]': ['[redacted]'] })
  })

  test('any text around any token, in any structure', () => {
    const text = fc
      .tuple(fc.string(), fc.constantFrom(...TOKENS), fc.string())
      .map(([before, token, after]) => ({
        token,
        text: `${before} ${token} ${after}`,
      }))
    fc.assert(
      fc.property(text, fc.constantFrom('plain', 'list', 'json'), ({ token, text }, shape) => {
        const value = shape === 'plain' ? text : shape === 'list' ? [text] : JSON.stringify({ text })
        const stored = redactPayload({ value })
        expect(JSON.stringify(stored)).not.toContain(token)
        expect(JSON.stringify(sanitisePayload({ value }))).not.toContain(token)
      }),
      { numRuns: 200 },
    )
  })
})

test.each([
  'task-management and disk-usage-report',
  'mogplex/run/2026-01-01/fix-the-task-manager-of-the-desk-app-9be07d',
  'highs_and_lows',
  'smog_level',
  'the tokens of a session',
  '3.1415',
])('ordinary words stay: %s', text => {
  expect(redactMessage(text)).toBe(text)
})

test('figures of usage stay, an unknown one too', () => {
  const usage = { input_tokens: 5, outputTokens: 7, token_count: 1, total_tokens: null }
  expect(sanitisePayload({ usage })).toEqual({ usage })
  expect(redactPayload({ usage })).toEqual({ usage })
})

describe('cuts', () => {
  test('a text over 2,000 characters keeps its first 2,000', () => {
    expect(sanitiseText('x'.repeat(2_000))).toBe('x'.repeat(2_000))
    expect(sanitiseText('x'.repeat(2_003))).toBe(`${'x'.repeat(2_000)}\n...[truncated 3 chars]`)
  })

  test('25 entries and 25 members stay, in order', () => {
    const list = Array.from({ length: 30 }, (_, index) => index)
    const members = Object.fromEntries(list.map(index => [`k${index}`, index]))
    expect(sanitisePayload({ list })).toEqual({ list: list.slice(0, 25) })
    expect(Object.keys(sanitisePayload(members))).toEqual(list.slice(0, 25).map(index => `k${index}`))
  })

  test('what would sit at depth 3 is cut, scalars there stay', () => {
    expect(sanitisePayload({ a: { b: { c: { d: 1 }, e: [1], s: 'x', n: 3 } } })).toEqual({
      a: { b: { c: '[truncated]', e: '[truncated]', s: 'x', n: 3 } },
    })
  })

  test('a payload over 20,000 characters becomes a preview', () => {
    const payload = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`k${i}`, 'y'.repeat(1_999)]))
    const { truncated, payloadPreview } = sanitisePayload(payload)
    expect(truncated).toBe(true)
    expect(payloadPreview).toBe(JSON.stringify(payload).slice(0, 20_000))
  })
})

describe('whatever the payload', () => {
  const special = fc.constantFrom(
    ...TOKENS,
    'Bearer abc',
    'x-access-token:a@',
    'x-access-token:',
    '{"a":"b"}',
    '[1,2,{"token":1}]',
    '\\n',
    'Bearer ',
    '\ud800',
    'z'.repeat(1_995),
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(special, fc.string()), { maxLength: 6 }).map(parts => parts.join('')),
    fc.jsonValue().map(value => JSON.stringify(value)),
  )
  const { value } = fc.letrec(tie => ({
    value: fc.oneof(
      { maxDepth: 6 },
      text,
      fc.constantFrom(null, true, 0, 1e300),
      fc.array(tie('value'), { maxLength: 40 }),
      fc.dictionary(fc.oneof(text, fc.constantFrom('env', 'input_tokens', '__proto__')), tie('value'), {
        maxKeys: 40,
      }),
    ),
  }))
  const payload = fc.dictionary(text, value, { maxKeys: 40 })

  test('sanitising never throws, keeps the bounds, and changes nothing the second time', () => {
    fc.assert(
      fc.property(payload, given => {
        const once = sanitisePayload(given)
        const json = JSON.stringify(once)
        if ('payloadPreview' in once) expect(String(once.payloadPreview).length).toBeLessThanOrEqual(20_000)
        else expect(json.length).toBeLessThanOrEqual(20_000)
        expect(JSON.stringify(sanitisePayload(JSON.parse(json)))).toBe(json)
      }),
      { numRuns: 200 },
    )
  })

  test('redacting never throws, changes nothing the second time, and gives what Postgres can store', () => {
    fc.assert(
      fc.property(payload, given => {
        const once = redactPayload(given)
        const json = JSON.stringify(once)
        expect(json).not.toContain('\\u0000')
        expect(json).not.toMatch(/(?<!\\)(?:\\\\)*\\ud[89a-f]/)
        expect(JSON.stringify(redactPayload(JSON.parse(json)))).toBe(json)
      }),
      { numRuns: 200 },
    )
  })

  test('messages likewise', () => {
    fc.assert(
      fc.property(text, given => {
        const once = sanitiseText(given)
        expect(sanitiseText(once)).toBe(once)
        expect(redactMessage(redactMessage(given))).toBe(redactMessage(given))
      }),
      { numRuns: 500 },
    )
  })

  test.each(['sk-', 'ask-', 'x-access-token:', 'Bearer ', 'gh', 'ghp_', '[', '{"a":', '\\', '%20'])(
    'a long text made of %s is redacted in time',
    piece => {
      const startedAtMs = performance.now()
      redactMessage(piece.repeat(Math.ceil(256_000 / piece.length)))
      expect(performance.now() - startedAtMs).toBeLessThan(5_000)
    },
  )

  test('nesting without end is cut, not an overflow', () => {
    let deep: unknown = 'x'
    for (let level = 0; level < 5_000; level += 1) deep = [deep]
    expect(JSON.stringify(redactPayload({ deep })).length).toBeLessThan(200)
    expect(sanitisePayload({ deep: '['.repeat(50_000) })).toBeDefined()
  })
})
