import { expect, test } from 'bun:test'
import { createLog } from '@mogplex/kit/log.ts'
import { createTestIssuers } from '@mogplex/kit/test-bench/issuers.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { readGatewayConfig } from './config.ts'

const key = (await createTestIssuers()).environmentOf(GATEWAY_ISSUER).ASSERTION_SIGNING_KEY
const needed = {
  PORT: '8787',
  NATS_URL: 'nats://127.0.0.1:4222',
  IDENTITY_URL: 'http://127.0.0.1:1/',
  PROJECTS_URL: 'http://127.0.0.1:2',
  RUNTIME_URL: 'http://127.0.0.1:3',
}
const log = createLog({ process: 'test', level: 'silent' })
const read = (environment: Record<string, string>) => readGatewayConfig({ ...needed, ...environment }, log)

test('production needs its origin and its key', async () => {
  await expect(read({ NODE_ENV: 'production' })).rejects.toThrow(/PUBLIC_BASE_URL.*\n.*GATEWAY_SIGNING_KEY/)
  const config = await read({
    NODE_ENV: 'production',
    PUBLIC_BASE_URL: 'https://mogplex.example/',
    GATEWAY_SIGNING_KEY: key,
  })
  expect(config.publicOrigin).toBe('https://mogplex.example')
})

test('development has defaults, and a key for as long as the process lives', async () => {
  const config = await read({ TRUSTED_ORIGINS: 'http://localhost:3000, http://localhost:3001/' })
  expect(config.publicOrigin).toBe('http://localhost:8787')
  expect([...config.trustedOrigins]).toEqual([
    'http://localhost:8787',
    'http://localhost:3000',
    'http://localhost:3001',
  ])
  expect(config.signingKey).toMatchObject({ kty: 'OKP', crv: 'Ed25519', kid: expect.any(String) })
  expect(config.buckets.pat).toEqual({ name: 'pat', limit: 60, windowMs: 60_000 })
})

test('a limit of 0 switches a bucket off', async () => {
  expect((await read({ RATE_LIMIT_PAT: '0' })).buckets.pat).toBeNull()
})

test('test mode is on where its secret is set, and never in production', async () => {
  expect((await read({ E2E_AUTH_SECRET: 'e2e' })).testSecret).toBe('e2e')
  expect((await read({ E2E_AUTH_SECRET: 'e2e', NODE_ENV: 'test' })).testSecret).toBe('e2e')
  expect((await read({ E2E_AUTH_SECRET: ' ' })).testSecret).toBeNull()
  const production = { NODE_ENV: 'production', PUBLIC_BASE_URL: 'https://x.test', GATEWAY_SIGNING_KEY: key }
  expect((await read({ ...production, E2E_AUTH_SECRET: 'e2e' })).testSecret).toBeNull()
})

test('without a secret cron is closed, and no foreign page may call', async () => {
  const config = await read({ CRON_SECRET: '' })
  expect([config.cronSecret, config.corsOrigins.size]).toEqual([null, 0])
  const open = await read({ CRON_SECRET: 's', CORS_ALLOWED_ORIGINS: 'https://a.test/, http://b.test:8080' })
  expect([open.cronSecret, ...open.corsOrigins]).toEqual(['s', 'https://a.test', 'http://b.test:8080'])
})

test.each([
  ['PUBLIC_BASE_URL', 'localhost:8787'],
  ['CORS_ALLOWED_ORIGINS', '*'],
  ['TRUSTED_ORIGINS', 'null'],
  ['TRUSTED_PROXIES', 'everybody'],
  ['GATEWAY_SIGNING_KEY', '{"kty":"OKP"}'],
  ['RATE_LIMIT_ANON', '60'],
  ['RATE_LIMIT_ANON', '0/60'],
])('%s=%s stops the start with a message that names it', async (name, value) => {
  await expect(read({ [name]: value })).rejects.toThrow(name)
})
