import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

const PATH = '/api/models'
const MODELS = ['acme/fast-1', 'openai/b', 'openai/a', 'anthropic/z', 'openrouter/x/y', 'openai/hidden']

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity({ DEFAULT_MODEL_ID: 'openai/b' })
})
afterAll(() => bench.stop())

/** A small catalogue, older than everybody. */
beforeEach(async () => {
  await bench.sql`delete from identity.ai_models`
  for (const id of MODELS) await addModel(id, { created_at: new Date('2026-01-01') })
  await change('openai/hidden', 'is_hidden', true)
})

interface Row {
  id: string
  is_enabled?: boolean
}
interface Catalogue {
  catalog: Row[]
  models: Row[]
  default_model?: string | null
}

async function addModel(id: string, columns: Record<string, unknown> = {}) {
  const [provider = ''] = id.split('/', 1)
  const row = { id, provider, name: id, pricing_input: 0.000001, pricing_output: 0.000002, ...columns }
  await bench.sql`insert into identity.ai_models ${bench.sql(row)}`
}
const change = (id: string, column: string, value: unknown) =>
  bench.sql`update identity.ai_models set ${bench.sql(column)} = ${value as boolean} where id = ${id}`

async function somebodyWith(...providers: string[]) {
  const { userId } = await signUpSomebody(bench)
  for (const provider of providers)
    await bench.call('PUT', '/api/settings/keys', { as: { userId }, json: { provider, key: 'k' } })
  return userId
}
const read = async (userId?: string, path = PATH) =>
  (await answerOf(await bench.call('GET', path, userId ? { as: { userId } } : {}))).body
const catalogueOf = async (userId?: string) => (await read(userId)) as unknown as Catalogue
const ids = (rows: Row[]) => rows.map(({ id }) => id)
const patch = (userId: string, json: unknown) => bench.call('PATCH', PATH, { as: { userId }, json })

test('nobody sees what is visible and available, without switches and without a default', async () => {
  await change('anthropic/z', 'is_available', false)
  const body = await catalogueOf()
  expect(Object.keys(body)).toEqual(['catalog', 'models'])
  expect(ids(body.catalog)).toEqual(['acme/fast-1', 'openai/a', 'openai/b', 'openrouter/x/y'])
  expect(body.models).toEqual(body.catalog)
  expect(body.catalog.every(row => !('is_enabled' in row) && !('created_at' in row))).toBe(true)
  const { userId } = await signUpSomebody(bench)
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  expect(await catalogueOf(userId)).toEqual(body)
})

test('who is signed in sees every row, and can use what a key reaches', async () => {
  await change('openai/a', 'is_available', false)
  const userId = await somebodyWith('openai')
  const body = await catalogueOf(userId)
  expect(ids(body.catalog)).toEqual([
    ...['acme/fast-1', 'anthropic/z', 'openai/a', 'openai/b', 'openai/hidden', 'openrouter/x/y'],
  ])
  expect(body.catalog.map(row => row.is_enabled)).toEqual([true, true, false, true, true, true])
  expect([ids(body.models), body.models[0]?.is_enabled]).toEqual([['openai/b'], true])
  expect((await catalogueOf(await somebodyWith())).models).toEqual([])
  expect(ids((await catalogueOf(await somebodyWith('ai_gateway', 'openrouter'))).models)).toEqual([
    ...['acme/fast-1', 'anthropic/z', 'openai/b', 'openrouter/x/y'],
  ])
})

test("the default is the stored one, else the operator's, else the first, else none", async () => {
  const userId = await somebodyWith('openai')
  const defaultOf = async () => (await catalogueOf(userId)).default_model
  expect(await defaultOf()).toBe('openai/b')
  await bench.call('PATCH', '/api/settings', { as: { userId }, json: { default_model: 'openai/a' } })
  expect(await defaultOf()).toBe('openai/a')
  await patch(userId, { model_id: 'openai/a', is_enabled: false })
  expect(await defaultOf()).toBe('openai/b')
  await patch(userId, { model_id: 'openai/a', is_enabled: true })
  await patch(userId, { model_id: 'openai/b', is_enabled: false })
  await bench.sql`update identity.users set default_model = null where id = ${userId}`
  expect(await defaultOf()).toBe('openai/a')
  await patch(userId, { model_id: 'openai/a', is_enabled: false })
  expect(await defaultOf()).toBeNull()
})

test('the CLI and the versioned API list the same models in the same order; other formats are ignored', async () => {
  const userId = await somebodyWith('openai', 'anthropic')
  const models = ids((await catalogueOf(userId)).models)
  expect(models).toEqual(['anthropic/z', 'openai/a', 'openai/b'])
  const cli = (await read(userId, `${PATH}?format=cli`)) as unknown as { slug: string }[]
  expect(cli.map(({ slug }) => slug)).toEqual(models)
  const response = await bench.call('GET', '/api/v1/mogplex/models', { as: { userId, amr: 'pat' } })
  expect(response.headers.get('cache-control')).toBe('no-store')
  const v1 = (await response.json()) as { ok: boolean; data: { models: Row[] } }
  expect([v1.ok, Object.keys(v1.data), ids(v1.data.models)]).toEqual([true, ['models'], models])
  expect(await read(userId, `${PATH}?format=CLI`)).toEqual(await read(userId))
  const anonymous = (await read(undefined, `${PATH}?format=cli`)) as unknown as { slug: string }[]
  expect(anonymous.map(({ slug }) => slug)).toEqual(ids((await catalogueOf()).models))
})

test('a switch is for oneself, can be thrown back, and is told once each time', async () => {
  const [userId, other] = [await somebodyWith('openai'), await somebodyWith('openai')]
  for (const is_enabled of [false, true, false]) {
    const response = await patch(userId, { model_id: 'openai/a', is_enabled, unknown_key: 1 })
    expect(await answerOf(response)).toEqual({ status: 200, body: { ok: true } })
    expect(ids((await catalogueOf(userId)).models).includes('openai/a')).toBe(is_enabled)
  }
  expect(ids((await catalogueOf(other)).models)).toContain('openai/a')
  const events = await bench.sql`select payload from identity.outbox where user_id = ${userId}
    and subject = 'evt.identity.models.preference-changed' order by sequence`
  expect(events.map(({ payload }) => payload)).toEqual(
    [false, true, false].map(isEnabled => ({
      changes: [{ modelId: 'openai/a', isEnabled }],
      autoEnable: null,
    })),
  )
  expect((await patch(userId, { model_id: 'openai/hidden', is_enabled: false })).status).toBe(200)
})

test('every bad field is 400 and named, catalogue fields too, and nothing is saved', async () => {
  const userId = await somebodyWith()
  const good = { model_id: 'openai/a', is_enabled: false }
  const bad: [string, object][] = [
    ...[undefined, null, '', 1, [], {}, 'a\u0000', '\ud800'].map(
      model_id => ['model_id', { ...good, model_id }] as [string, object],
    ),
    ...[undefined, null, 'true', 1, [], {}].map(
      is_enabled => ['is_enabled', { ...good, is_enabled, name: 'x' }] as [string, object],
    ),
    ...['provider', 'name', 'context_length', 'capabilities', 'is_available', 'is_hidden', 'pricing_input']
      .concat('pricing_output', 'is_recommended', 'recommendation_bucket', 'recommendation_anything')
      .map(field => [field, { ...good, model_id: 'no/such', [field]: null }] as [string, object]),
  ]
  for (const [field, json] of bad) {
    const { status, body } = await answerOf(await patch(userId, json))
    expect([field, json, status, body.code]).toEqual([field, json, 400, 'BAD_REQUEST'])
    expect(String(body.error)).toStartWith(`${field}: `)
  }
  for (const body of ['', '[]', 'null', '{'])
    expect((await bench.call('PATCH', PATH, { as: { userId }, body })).status).toBe(400)
  for (const model_id of ['no/such', ' ', "'", 'x'.repeat(100_000)]) {
    const { status, body } = await answerOf(await patch(userId, { model_id, is_enabled: true }))
    expect([status, body.code]).toEqual([404, 'NOT_FOUND'])
  }
  expect(
    await bench.sql`select * from identity.user_model_preferences where user_id = ${userId}`,
  ).toHaveLength(0)
})

test('a user who is gone or disabled changes nothing and lists nothing: 401', async () => {
  const { userId } = await signUpSomebody(bench)
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  for (const as of [{ userId }, { userId: crypto.randomUUID() }]) {
    const responses = await Promise.all([
      bench.call('PATCH', PATH, { as, json: { model_id: 'openai/a', is_enabled: true } }),
      bench.call('POST', `${PATH}/new-arrivals`, { as, json: { action: 'dismiss' } }),
      bench.call('POST', `${PATH}/new-arrivals`, { as, json: { action: 'disable' } }),
      bench.call('PATCH', `${PATH}/new-arrivals`, { as, json: { autoEnable: false } }),
      bench.call('GET', '/api/v1/mogplex/models', { as }),
    ])
    expect(responses.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401])
  }
})

test('what cannot be read is 500, never an empty list', async () => {
  const userId = await somebodyWith('openai')
  for (const table of ['user_model_preferences', 'provider_keys', 'ai_models']) {
    await bench.sql`alter table identity.${bench.sql(table)} rename to gone`
    try {
      const { status, body } = await answerOf(await bench.call('GET', PATH, { as: { userId } }))
      expect([table, status, body.code]).toEqual([table, 500, 'INTERNAL_ERROR'])
    } finally {
      await bench.sql`alter table identity.gone rename to ${bench.sql(table)}`
    }
  }
})
