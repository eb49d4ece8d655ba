import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getProviderKey } from '@mogplex/proto/identity.ts'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

const PATH = '/api/settings/keys'
const KEY = 'sk-live-0123456789'
let answers: { status: number; seen: { method: string; url: string; headers: Headers }[] }
const upstream = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request) {
    answers.seen.push({ method: request.method, url: request.url, headers: new Headers(request.headers) })
    return new Response(`no such key: ${KEY}`, { status: answers.status })
  },
})
const base = `http://127.0.0.1:${upstream.port}`
let bench: IdentityBench

beforeAll(async () => {
  bench = await startIdentity({
    OPENAI_BASE_URL: `${base}/v1`,
    ANTHROPIC_BASE_URL: base,
    OPENROUTER_BASE_URL: `${base}/router`,
  })
})
afterAll(async () => {
  await bench.stop()
  await upstream.stop(true)
})

const put = (userId: string, json: unknown) => bench.call('PUT', PATH, { as: { userId }, json })
const list = async (userId: string) =>
  (await answerOf(await bench.call('GET', PATH, { as: { userId } }))).body.keys as object[]
const verify = async (userId: string, provider: unknown) =>
  answerOf(await bench.call('POST', `${PATH}/verify`, { as: { userId }, json: { provider } }))

test('a stored key is listed, replaced, used by runtime, and readable nowhere', async () => {
  const [{ userId }, other] = [await signUpSomebody(bench), await signUpSomebody(bench)]
  expect(await answerOf(await put(userId, { provider: 'openai', key: ` ${KEY}\n` }))).toEqual({
    status: 200,
    body: { ok: true },
  })
  await put(userId, { provider: 'anthropic', key: 'k2' })
  const [first] = (await list(userId)).slice(1) as { created_at: string; updated_at: string }[]
  await Bun.sleep(5)
  await put(userId, { provider: 'openai', key: `${KEY}-newer` })
  expect(await list(userId)).toEqual([
    { provider: 'anthropic', created_at: expect.any(String), updated_at: expect.any(String) },
    { provider: 'openai', created_at: first?.created_at, updated_at: expect.any(String) },
  ])
  const [, second] = (await list(userId)) as { updated_at: string }[]
  expect(Date.parse(second?.updated_at ?? '')).toBeGreaterThan(Date.parse(first?.updated_at ?? ''))
  expect(await bench.ask(getProviderKey, { userId, provider: 'openai' })).toEqual({ key: `${KEY}-newer` })
  expect(await list(other.userId)).toEqual([])
  const dump = await bench.sql`select (select json_agg(k)::text from identity.provider_keys k) as keys,
    (select json_agg(o)::text from identity.outbox o) as outbox`
  expect(JSON.stringify(dump)).not.toContain(KEY)
  expect(JSON.stringify(dump)).not.toContain(Buffer.from(KEY).toString('hex'))
})

test('deleting takes the provider from body or query and is fine without a key, but tells only of a deletion', async () => {
  const { userId } = await signUpSomebody(bench)
  const as = { userId }
  for (const request of [
    { path: PATH, json: { provider: 'openai' } },
    { path: `${PATH}?provider=openai` },
    { path: `${PATH}?provider=openai`, json: {} },
  ]) {
    await put(userId, { provider: 'openai', key: KEY })
    const { path, ...rest } = request
    expect((await bench.call('DELETE', path, { as, ...rest })).status).toBe(200)
    expect(await list(userId)).toEqual([])
    expect((await bench.call('DELETE', path, { as, ...rest })).status).toBe(200)
  }
  const events = await bench.sql`select payload from identity.outbox
    where user_id = ${userId} and subject = 'evt.identity.provider-key.changed' order by sequence`
  const pair = ['stored', 'deleted'].map(change => ({ payload: { provider: 'openai', change } }))
  expect([...events]).toEqual([...pair, ...pair, ...pair])
})

test('every bad field is 400 and named, and stores nothing', async () => {
  const { userId } = await signUpSomebody(bench)
  const as = { userId }
  const providers = [undefined, null, '', 'google', 'OpenAI', 1, [], {}, ['openai'], 'openai\u0000', '\ud800']
  const keys = [
    undefined,
    null,
    '',
    '  ',
    1,
    [],
    {},
    'a b',
    'a\tb',
    'a\u0007b',
    'a\u0000',
    'x'.repeat(4097),
    '\udc00',
  ]
  const bad = [
    ...providers.map(provider => ['provider', { provider, key: KEY }] as const),
    ...keys.map(key => ['key', { provider: 'openai', key }] as const),
  ]
  for (const [field, json] of bad) {
    const { status, body } = await answerOf(await put(userId, json))
    expect([field, json, status]).toEqual([field, json, 400])
    expect(String(body.error)).toStartWith(`${field}: `)
  }
  for (const provider of providers) {
    expect((await verify(userId, provider)).status).toBe(400)
    expect((await bench.call('DELETE', PATH, { as, json: { provider } })).status).toBe(400)
  }
  for (const path of [PATH, `${PATH}?provider=google`, `${PATH}?provider=%00`])
    expect((await bench.call('DELETE', path, { as })).status).toBe(400)
  expect((await bench.call('DELETE', `${PATH}?provider=openai`, { as, body: '[' })).status).toBe(400)
  expect(await list(userId)).toEqual([])
  expect((await put(userId, { provider: 'openai', key: 'x'.repeat(4096) })).status).toBe(200)
})

test('verifying tells what the provider says, and relays nothing of it', async () => {
  const { userId } = await signUpSomebody(bench)
  const codex = { service: 'Codex', harness: 'Codex', package: '@openai/codex', binary: 'codex' }
  answers = { status: 200, seen: [] }
  expect((await verify(userId, 'openai')).body).toEqual({ key_stored: false, key_valid: null, ...codex })
  expect(answers.seen).toHaveLength(0)
  for (const provider of ['openai', 'anthropic', 'openrouter', 'ai_gateway'])
    await put(userId, { provider, key: KEY })
  expect((await verify(userId, 'openai')).body).toEqual({ key_stored: true, key_valid: true, ...codex })
  const [asked] = answers.seen
  expect([asked?.method, asked?.url]).toEqual(['GET', `${base}/v1/models`])
  expect(asked?.headers.get('authorization')).toBe(`Bearer ${KEY}`)
  answers = { status: 401, seen: [] }
  expect((await verify(userId, 'anthropic')).body).toEqual({
    key_stored: true,
    key_valid: false,
    key_error: 'Invalid API key',
    service: 'Claude Code',
    harness: 'Claude Code',
    package: '@anthropic-ai/claude-code',
    binary: 'claude',
  })
  expect(answers.seen[0]?.headers.get('x-api-key')).toBe(KEY)
  answers = { status: 503, seen: [] }
  const outage = (await verify(userId, 'openrouter')).body
  expect(outage).toEqual({
    key_stored: true,
    key_valid: null,
    key_error: expect.stringContaining('try again'),
    service: 'OpenRouter',
  })
  expect(JSON.stringify(outage)).not.toContain(KEY)
  answers = { status: 200, seen: [] }
  expect((await verify(userId, 'ai_gateway')).body).toEqual({
    key_stored: true,
    key_valid: null,
    key_error: expect.stringContaining('AI_GATEWAY_BASE_URL'),
    service: 'AI Gateway',
  })
  expect(answers.seen).toHaveLength(0)
})

test('a key copied to another row, or sealed with a lost encryption key, is not readable and not sent', async () => {
  const [{ userId }, thief] = [await signUpSomebody(bench), await signUpSomebody(bench)]
  await put(userId, { provider: 'openai', key: KEY })
  await bench.sql`insert into identity.provider_keys
    select ${thief.userId}, provider, ciphertext, nonce, key_version, created_at, updated_at
    from identity.provider_keys where user_id = ${userId}`
  answers = { status: 200, seen: [] }
  expect((await verify(thief.userId, 'openai')).body).toMatchObject({
    key_stored: true,
    key_valid: null,
    key_error: expect.any(String),
  })
  expect(answers.seen).toHaveLength(0)
  const refused = bench.ask(getProviderKey, { userId: thief.userId, provider: 'openai' })
  expect(await refused.catch(error => error.code)).toBe('SERVICE_UNAVAILABLE')
})

test('without SECRETS_ENCRYPTION_KEY what needs a secret is 503 and all else works', async () => {
  const { userId } = await signUpSomebody(bench)
  const as = { userId }
  await put(userId, { provider: 'openai', key: KEY })
  const { call } = await bench.startReplica({ SECRETS_ENCRYPTION_KEY: undefined })
  const status = async (method: string, path: string, json?: unknown) =>
    (await call(method, path, { as, json })).status
  expect(await status('PUT', PATH, { provider: 'openai', key: '' })).toBe(400)
  expect(await status('PUT', PATH, { provider: 'openai', key: KEY })).toBe(503)
  expect(await status('POST', `${PATH}/verify`, { provider: 'openai' })).toBe(503)
  expect(await status('POST', `${PATH}/verify`, { provider: 'openrouter' })).toBe(200)
  expect(await status('GET', PATH)).toBe(200)
  expect(await status('DELETE', PATH, { provider: 'openai' })).toBe(200)
})
