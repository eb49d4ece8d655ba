import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { looksRandom } from './random-text.ts'
import { redactMessage } from './redact.ts'
import { isTellingName, secretsOfVariables } from './secret-variables.ts'

/** What becomes of a text when these are the repository's variables. */
const said = (text: string, variables: Record<string, string>) =>
  redactMessage(text, secretsOfVariables(variables))

describe('the value of a variable', () => {
  test.each([
    ['NODE_ENV', 'development'],
    ['PORT', '300000'],
    ['LOG_LEVEL', 'warning'],
    ['REGION', 'eu-west-1'],
    ['AWS_REGION', 'ap-southeast-2'],
    ['TZ', 'America/Los_Angeles'],
    ['APP_NAME', 'checkout-service'],
    ['MONKEY', 'banana'],
    ['TOKENIZER', 'sentencepiece'],
    ['KEYBOARD', 'qwertz'],
    ['PASSENGER', 'production'],
    ['AUTHOR', 'Ada Lovelace'],
    ['AUTH', 'disabled'],
    ['NODE_OPTIONS', '--max-old-space-size=4096 --enable-source-maps'],
    ['PUBLIC_URL', 'https://staging.shop.example.com:8443/api/v2?page=1'],
    ['DATABASE_URL', 'postgres://localhost:5432/app_development'],
    ['IMAGE', 'registry.example.com/team/backend:1.24.3-alpine'],
    ['BUILD_DATE', '2026-11-30T21:15:50Z'],
    ['PHONE', '+43 660 1234567'],
    ['FEATURES', 'newCheckout,darkMode,betaSearch'],
    ['CHARSET', 'utf8mb4_unicode_ci'],
    ['HASH', 'sha256sum'],
    ['JAVA_HOME', '/usr/lib/jvm/java-21-openjdk-amd64'],
  ])('stays readable where it is words: %s=%s', (name, value) => {
    expect(secretsOfVariables({ [name]: value })).toEqual([])
    expect(said(`now ${value} runs`, { [name]: value })).toBe(`now ${value} runs`)
  })

  test.each([
    ['GITHUB_TOKEN', 'correct horse'],
    ['DB_PASSWORD', 'sunshine'],
    ['PGPASSWORD', 'sunshine'],
    ['dbPassword', 'sunshine'],
    ['STRIPE_KEY', 'development'],
    ['API_KEYS', 'first,second'],
    ['SENTRY_DSN', 'https://errors.example.com/12'],
    ['BASIC_AUTH', 'ada:lovelace'],
    ['PRIVATE_THING', 'somewhere'],
    ['AWS_CREDENTIALS', 'default-profile'],
    ['SMTP_PASS', 'welcome'],
    ['A', 'Tr0ub4dor3x'],
    ['B', 'X7K2-9QPL-4RTM-W2ZX'],
    ['C', 'AKIAABCDEFGHIJKLMNOP'],
    ['D', '{"user":"ada","password":"hunter2"}'],
    ['E', 'Server=db;User Id=sa;Password=hunter2;'],
    ['F', '-----BEGIN OPENSSH PRIVATE KEY-----'],
  ])('is hidden where it is a secret: %s=%s', (name, value) => {
    expect(said(`x ${value} y`, { [name]: value })).toBe('x [redacted] y')
  })

  test.each([
    ['postgres://app:hunter2@db/x', 'hunter2'],
    ['redis://:s%40fe-one@cache:6379/0', 's@fe-one'],
    ['amqps://guest:let me in@mq', null],
    ['Server=db;User Id=sa;Password=hunter2;Encrypt=true', 'hunter2'],
    ['https://hooks.example.com/services/T01/B02/xOxPq81LmZ0aWkVt7YdR2sCe', 'xOxPq81LmZ0aWkVt7YdR2sCe'],
    ['https://maps.example.com/?lang=de&api_key=hunter2&zoom=1', 'hunter2'],
  ])('a secret within it is also hidden without the rest: %s', (value, part) => {
    const variables = { SOME_ADDRESS: value }
    if (part === null) return expect(said(value, variables)).toBe(value)
    expect(said(`x ${value} y`, variables)).toBe('x [redacted] y')
    expect(said(`login with ${part} failed`, variables)).toBe('login with [redacted] failed')
  })

  test('that ends with a line end is hidden without it, too', () => {
    expect(said('x hunter22 y', { TOKEN: 'hunter22\n' })).toBe('x [redacted] y')
  })
})

test.each(['TOKEN', 'MY_SECRET_2', 'apiKey', 'AUTH_HEADER', 'X-Auth', 'NPM_AUTHTOKEN'])('%s tells', name => {
  expect(isTellingName(name)).toBe(true)
})

/** Generators lean to small and equal values; these are what a secure source gives. */
const evenly = fc.noShrink(
  fc.integer({ min: 32, max: 64 }).map(size => crypto.getRandomValues(Buffer.alloc(size))),
)
const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

test('a value that was drawn at random is hidden, in every usual shape', () => {
  const shapes: Record<string, (drawn: Buffer) => string> = {
    base64: drawn => drawn.toString('base64'),
    base64url: drawn => drawn.toString('base64url'),
    hex: drawn => drawn.toString('hex'),
    'upper-case hex': drawn => drawn.toString('hex').toUpperCase(),
    uuid: () => crypto.randomUUID(),
    jwt: drawn => `${btoa('{"alg":"none"}')}.${drawn.toString('base64url')}.${drawn.toString('base64url')}`,
    github: drawn => `ghp_${[...drawn].map(byte => ALPHANUMERIC[byte % 62]).join('')}`,
  }
  fc.assert(
    fc.property(evenly, fc.constantFrom(...Object.keys(shapes)), (drawn, shape) => {
      const value = shapes[shape]?.(drawn) ?? ''
      expect(said(`x=${value}`, { SOME_NAME: value })).toBe('x=[redacted]')
    }),
    { numRuns: 2_000 },
  )
})

const WORDS = `development production staging testing localhost information warning debug verbose enabled
  disabled database postgres mysql sqlite redis message queue worker service gateway frontend backend checkout
  application javascript typescript python golang kubernetes docker container registry repository branch
  northeurope frankfurt singapore oregon virginia ireland tokyo monday november english german portuguese
  strengths throughout lightweight background screenshot straightforward
  authentication management optimization internationalization configuration environment`.split(/\s+/)

test('dictionary words, numbers and what is made of them are not', () => {
  const word = fc.constantFrom(...WORDS)
  const styled = fc
    .tuple(word, fc.constantFrom('lower', 'Upper', 'ALL'))
    .map(([text, style]) =>
      style === 'lower'
        ? text
        : style === 'ALL'
          ? text.toUpperCase()
          : text[0]?.toUpperCase() + text.slice(1),
    )
  const number = fc.oneof(
    fc.integer().map(String),
    fc.bigInt().map(String),
    fc.float({ noNaN: true }).map(String),
  )
  const value = fc
    .tuple(
      fc.array(fc.oneof(styled, number), { minLength: 1, maxLength: 6 }),
      fc.constantFrom('-', '_', '/', '.', ' ', ','),
    )
    .map(([parts, between]) => parts.join(between))
  const camelCase = fc
    .array(word, { minLength: 1, maxLength: 4 })
    .map(parts => parts.map(part => part[0]?.toUpperCase() + part.slice(1)).join(''))
  fc.assert(
    fc.property(fc.oneof(value, camelCase), text => {
      expect(secretsOfVariables({ SOME_NAME: text })).toEqual([])
    }),
    { numRuns: 2_000 },
  )
})

test('no value takes long to look at', () => {
  const slow = ['1', 'eyJ', 'a', 'a://', 'password=', '0a', ' ', '://x:']
  for (const part of slow) {
    const value = part.repeat(65_536 / part.length)
    const startedAtMs = performance.now()
    secretsOfVariables({ X: value, Y: value.slice(0, 4_000) })
    looksRandom(value)
    expect(performance.now() - startedAtMs).toBeLessThan(500)
  }
})
