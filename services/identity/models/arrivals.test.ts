import { afterAll, beforeAll, expect, test } from 'bun:test'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

const PATH = '/api/models/new-arrivals'
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

let models = 0
/** A model that came just now; `age` is how long ago it came instead. */
async function arrive({ provider = 'openai', age = '0', isHidden = false, isAvailable = true } = {}) {
  models += 1
  const id = `${provider}/new-${String(models).padStart(3, '0')}`
  await bench.sql`insert into identity.ai_models (id, provider, name, is_hidden, is_available, created_at)
    values (${id}, ${provider}, ${id}, ${isHidden}, ${isAvailable}, now() - ${age}::interval)`
  return id
}

async function somebody() {
  const { userId } = await signUpSomebody(bench)
  const json = { provider: 'openai', key: 'k' }
  await bench.call('PUT', '/api/settings/keys', { as: { userId }, json })
  return userId
}
const news = async (userId?: string) =>
  (await answerOf(await bench.call('GET', PATH, userId ? { as: { userId } } : {}))).body
const newIds = async (userId: string) => ((await news(userId)).models as { id: string }[]).map(({ id }) => id)
const post = (userId: string, action: unknown) =>
  bench.call('POST', PATH, { as: { userId }, json: { action } })
const autoEnable = (userId: string, value: unknown) =>
  bench.call('PATCH', PATH, { as: { userId }, json: { autoEnable: value } })
const isEnabled = async (userId: string, modelId: string) => {
  const { body } = await answerOf(await bench.call('GET', '/api/models', { as: { userId } }))
  return (body.catalog as { id: string; is_enabled: boolean }[]).find(({ id }) => id === modelId)?.is_enabled
}
const seenAt = async (userId: string) => {
  const [row] = await bench.sql`select models_seen_at::text as at from identity.users where id = ${userId}`
  return String(row?.at)
}
const facts = async (userId: string) => {
  const rows = await bench.sql`select payload from identity.outbox where user_id = ${userId}
    and subject = 'evt.identity.models.preference-changed' order by sequence`
  return rows.map(({ payload }) => payload)
}

test('nobody is told of anything', async () => {
  await arrive()
  expect(await news()).toEqual({ models: [], autoEnable: true })
})

test('reachable models that came since are told of again and again, until they are dismissed', async () => {
  const userId = await somebody()
  expect(await news(userId)).toEqual({ models: [], autoEnable: true })
  const id = await arrive()
  await arrive({ provider: 'anthropic' })
  await arrive({ isHidden: true })
  await arrive({ isAvailable: false })
  const expected = { models: [{ id, name: id, provider: 'openai' }], autoEnable: true }
  expect(await news(userId)).toEqual(expected)
  expect(await news(userId)).toEqual(expected)
  expect(await answerOf(await post(userId, 'dismiss'))).toEqual({ status: 200, body: { ok: true } })
  expect(await news(userId)).toEqual({ models: [], autoEnable: true })
  expect(await isEnabled(userId, id)).toBe(true)
  expect(await facts(userId)).toEqual([])
})

test('dismissing goes to the newest arrival, not to now and never back', async () => {
  const userId = await somebody()
  const before = await seenAt(userId)
  await post(userId, 'dismiss')
  expect(await seenAt(userId)).toBe(before)
  const id = await arrive()
  await post(userId, 'dismiss')
  const [row] = await bench.sql`select created_at::text as at from identity.ai_models where id = ${id}`
  expect(await seenAt(userId)).toBe(String(row?.at))
  await post(userId, 'dismiss')
  expect(await seenAt(userId)).toBe(String(row?.at))
  const later = await arrive()
  expect(await newIds(userId)).toEqual([later])
})

test('who has chosen about a model is not told of it', async () => {
  const userId = await somebody()
  const id = await arrive()
  const json = { model_id: id, is_enabled: true }
  await bench.call('PATCH', '/api/models', { as: { userId }, json })
  expect(await newIds(userId)).toEqual([])
  await post(userId, 'disable')
  expect(await isEnabled(userId, id)).toBe(true)
})

test('disabling switches off what has arrived and what will', async () => {
  const userId = await somebody()
  const id = await arrive()
  expect((await post(userId, 'disable')).status).toBe(200)
  expect(await news(userId)).toEqual({ models: [], autoEnable: false })
  const later = await arrive()
  expect(await newIds(userId)).toEqual([])
  expect([await isEnabled(userId, id), await isEnabled(userId, later)]).toEqual([false, false])
  expect(await facts(userId)).toEqual([{ changes: [{ modelId: id, isEnabled: false }], autoEnable: false }])
})

test('what arrived while new models were off stays off when they are switched on, hidden ones too', async () => {
  const userId = await somebody()
  await autoEnable(userId, false)
  const id = await arrive()
  const hidden = await arrive({ isHidden: true })
  expect((await autoEnable(userId, true)).status).toBe(200)
  await bench.sql`update identity.ai_models set is_hidden = false where id = ${hidden}`
  expect([await isEnabled(userId, id), await isEnabled(userId, hidden)]).toEqual([false, false])
  expect(await newIds(userId)).toEqual([])
  const later = await arrive()
  expect(await isEnabled(userId, later)).toBe(true)
  expect(await newIds(userId)).toEqual([later])
  // Switching on what is on pins nothing.
  await autoEnable(userId, true)
  expect(await newIds(userId)).toEqual([later])
  const off = [id, hidden].map(modelId => ({ modelId, isEnabled: false }))
  expect(await facts(userId)).toEqual([
    { changes: [], autoEnable: false },
    { changes: expect.arrayContaining(off), autoEnable: true },
  ])
})

test('switched on and off at once, arrivals are pinned once and the last word holds', async () => {
  const userId = await somebody()
  await autoEnable(userId, false)
  const id = await arrive()
  const all = await bench.raceOn('users', 2, () =>
    Promise.all([autoEnable(userId, true), post(userId, 'disable'), post(userId, 'dismiss')]),
  )
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200])
  const rows = await bench.sql`select is_enabled from identity.user_model_preferences
    where user_id = ${userId} and model_id = ${id}`
  expect(rows.every(row => row.is_enabled === false)).toBe(true)
  expect(rows.length).toBeLessThanOrEqual(1)
})

test('another action and another switch are 400 and change nothing', async () => {
  const userId = await somebody()
  const id = await arrive()
  for (const action of [undefined, null, '', 'Dismiss', 'enable', 1, true, [], {}, 'a\u0000']) {
    const { status, body } = await answerOf(await post(userId, action))
    expect([action, status, body.code]).toEqual([action, 400, 'BAD_REQUEST'])
    expect(String(body.error)).toStartWith('action: ')
  }
  for (const value of [undefined, null, 'true', 1, 0, [], {}]) {
    const { status, body } = await answerOf(await autoEnable(userId, value))
    expect([value, status]).toEqual([value, 400])
    expect(String(body.error)).toStartWith('autoEnable: ')
  }
  for (const method of ['POST', 'PATCH'])
    expect((await bench.call(method, PATH, { as: { userId }, body: '[' })).status).toBe(400)
  expect(await newIds(userId)).toEqual([id])
})
