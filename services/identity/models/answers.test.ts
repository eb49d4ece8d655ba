import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getModelPrice, usableModels } from '@mogplex/proto/identity.ts'
import { type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'
import { shippedCatalogue } from './catalogue.ts'

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity({ DEFAULT_MODEL_ID: 'anthropic/claude-sonnet-5' })
})
afterAll(() => bench.stop())

const price = (modelId: string) => bench.ask(getModelPrice, { modelId })
const models = (userId: string) => bench.ask(usableModels, { userId })
const storeKey = (userId: string, provider: string) =>
  bench.call('PUT', '/api/settings/keys', { as: { userId }, json: { provider, key: 'k' } })

test('an empty catalogue is filled once, though replicas start together, and never again', async () => {
  const count = async () => (await bench.sql`select count(*)::int as n from identity.ai_models`)[0]?.n
  expect(await count()).toBe(shippedCatalogue().length)
  await bench.sql`delete from identity.ai_models`
  await bench.raceOn('ai_models', 2, () => Promise.all([bench.startReplica(), bench.startReplica()]))
  expect(await count()).toBe(shippedCatalogue().length)
  await bench.sql`delete from identity.ai_models where id <> 'openai/gpt-5.5'`
  await bench.startReplica()
  expect(await count()).toBe(1)
  await bench.sql`delete from identity.ai_models`
  await bench.startReplica()
})

test('the price of a model under the names its CLI gives it', async () => {
  const sonnet = { input: 0.000003, output: 0.000015 }
  for (const name of ['anthropic/claude-sonnet-4-5', 'claude-sonnet-4-5', 'claude-sonnet-4-5-20250929'])
    expect([name, await price(name)]).toEqual([name, sonnet])
  expect(await price('gpt-5.1-codex')).toEqual({ input: 0.00000125, output: 0.00001 })
  for (const name of ['gpt-6-sol', 'no-such-model', '', '%', `'`, 'x'.repeat(10_000)])
    expect([name, await price(name)]).toEqual([name, { input: null, output: null }])
})

test('usable models are those a key reaches, in catalogue order, with the default among them', async () => {
  const { userId } = await signUpSomebody(bench)
  expect(await models(userId)).toEqual({ models: [], defaultModel: null, chosenModel: null })
  await storeKey(userId, 'openai')
  const openai = await models(userId)
  expect(openai.models.length).toBeGreaterThan(3)
  expect(openai.models.every(id => id.startsWith('openai/'))).toBe(true)
  // The operator's default is not reachable, so nobody chose: the first stands in.
  expect(openai).toMatchObject({ defaultModel: openai.models[0], chosenModel: null })
  await storeKey(userId, 'anthropic')
  const both = await models(userId)
  expect(both.models.length).toBe(shippedCatalogue().length)
  expect(both.models[0]).toStartWith('anthropic/')
  expect(both).toMatchObject({
    defaultModel: 'anthropic/claude-sonnet-5',
    chosenModel: 'anthropic/claude-sonnet-5',
  })
  await bench.call('PATCH', '/api/settings', { as: { userId }, json: { default_model: 'openai/gpt-5.5' } })
  expect(await models(userId)).toMatchObject({ chosenModel: 'openai/gpt-5.5' })
  await bench.sql`insert into identity.user_model_preferences values (${userId}, 'openai/gpt-5.5', false)`
  const without = await models(userId)
  expect(without.models).not.toContain('openai/gpt-5.5')
  expect(without.chosenModel).toBe('anthropic/claude-sonnet-5')
})

test('hidden and unavailable rows are never usable', async () => {
  const { userId } = await signUpSomebody(bench)
  await storeKey(userId, 'anthropic')
  await bench.sql`update identity.ai_models set is_hidden = true where id = 'anthropic/claude-opus-5'`
  await bench.sql`update identity.ai_models set is_available = false where id = 'anthropic/claude-haiku-5-5'`
  const ids = (await models(userId)).models
  expect(ids).not.toContain('anthropic/claude-opus-5')
  expect(ids).not.toContain('anthropic/claude-haiku-5-5')
  expect(await price('claude-opus-5')).toEqual({ input: 0.000005, output: 0.000025 })
  await bench.sql`update identity.ai_models set is_hidden = false, is_available = true`
})

test("the operator's keys reach models for those who may use them, and for nobody disabled", async () => {
  const replica = await startIdentity({ AI_GATEWAY_API_KEY: 'k' })
  try {
    const { userId } = await signUpSomebody(replica)
    const count = async () => (await replica.ask(usableModels, { userId })).models.length
    expect(await count()).toBe(shippedCatalogue().length)
    await replica.sql`update identity.users set allow_platform_ai = false`
    expect(await count()).toBe(0)
    await replica.sql`update identity.users set allow_platform_ai = true, disabled_at = now()`
    expect(await count()).toBe(0)
  } finally {
    await replica.stop()
  }
})
