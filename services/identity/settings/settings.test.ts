import { afterAll, beforeAll, expect, test } from 'bun:test'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

const PATH = '/api/settings'
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

const get = async (userId: string) => (await answerOf(await bench.call('GET', PATH, { as: { userId } }))).body
const patch = (userId: string, json: unknown) => bench.call('PATCH', PATH, { as: { userId }, json })
const cookie = (theme: string) => `mogplex-theme=${theme}; Path=/; SameSite=Lax; Max-Age=31536000`

test('without a choice the first usable model, by provider, name and id, and the dark theme', async () => {
  const { userId, email } = await signUpSomebody(bench)
  const rows = await bench.sql`select id from identity.ai_models
    order by provider collate "C", name collate "C", id collate "C" limit 1`
  expect(await get(userId)).toEqual({
    ...{ default_model: rows[0]?.id, theme: 'dark' },
    ...{ commit_name: 'Ada', commit_email: email },
  })
})

test('theme and model are saved and read back; null goes back to the automatic choice', async () => {
  const { userId } = await signUpSomebody(bench)
  const automatic = (await get(userId)).default_model
  const json = { theme: 'light', default_model: 'openai/gpt-5.5', unknown_key: 1 }
  expect(await answerOf(await patch(userId, json))).toEqual({ status: 200, body: { ok: true } })
  expect(await get(userId)).toMatchObject({ default_model: 'openai/gpt-5.5', theme: 'light' })
  await patch(userId, { theme: 'system' })
  expect(await get(userId)).toMatchObject({ default_model: 'openai/gpt-5.5', theme: 'system' })
  await patch(userId, { default_model: null })
  expect(await get(userId)).toMatchObject({ default_model: automatic, theme: 'system' })
  const events = await bench.sql`select payload from identity.outbox
    where user_id = ${userId} and subject = 'evt.identity.settings.changed' order by sequence`
  expect(events.map(({ payload }) => payload.fields)).toEqual([
    ['theme', 'default_model'],
    ['theme'],
    ['default_model'],
  ])
})

test('the theme cookie is for sessions, not for tokens', async () => {
  const { userId } = await signUpSomebody(bench)
  const setBy = async (amr: 'session' | 'pat', method: string, json?: unknown) => {
    const response = await bench.call(method, PATH, { as: { userId, amr }, json })
    return response.headers.get('set-cookie')
  }
  expect(await setBy('session', 'GET')).toBe(cookie('dark'))
  expect(await setBy('session', 'PATCH', { theme: 'light' })).toBe(cookie('light'))
  expect(await setBy('session', 'PATCH', { default_model: null })).toBeNull()
  expect(await setBy('pat', 'GET')).toBeNull()
  expect(await setBy('pat', 'PATCH', { theme: 'dark' })).toBeNull()
})

test('one bad field saves nothing, and is named', async () => {
  const { userId } = await signUpSomebody(bench)
  const before = await get(userId)
  await bench.sql`insert into identity.user_model_preferences values (${userId}, 'openai/gpt-5.5', false)`
  const themes = [null, '', 'Dark', 'blue', 1, [], {}, true, 'dark\u0000', '\ud800']
  const models = ['', 'no/such', 1, true, [], {}, 'openai/gpt-5.5', 'a\u0000', '\ud800', 'x'.repeat(100_000)]
  for (const theme of themes) {
    const { status, body } = await answerOf(await patch(userId, { theme, default_model: null }))
    expect([theme, status, body.code]).toEqual([theme, 400, 'BAD_REQUEST'])
    expect(String(body.error)).toStartWith('theme: ')
  }
  for (const model of models) {
    const { status, body } = await answerOf(await patch(userId, { theme: 'light', default_model: model }))
    expect([status, body.code]).toEqual([400, 'BAD_REQUEST'])
    expect(String(body.error)).toStartWith('default_model: ')
  }
  for (const json of [{}, { other: 1 }, [], null, 'x']) expect((await patch(userId, json)).status).toBe(400)
  expect(await get(userId)).toEqual(before)
})

test('hidden and unavailable models cannot be chosen, and a stored one is passed over without being forgotten', async () => {
  const { userId } = await signUpSomebody(bench)
  await patch(userId, { default_model: 'openai/gpt-6-luna' })
  for (const column of ['is_hidden', 'is_available']) {
    const value = column === 'is_hidden'
    await bench.sql`update identity.ai_models set ${bench.sql(column)} = ${value} where id = 'openai/gpt-6-luna'`
    expect((await get(userId)).default_model).not.toBe('openai/gpt-6-luna')
    expect((await patch(userId, { default_model: 'openai/gpt-6-luna' })).status).toBe(400)
    await bench.sql`update identity.ai_models set ${bench.sql(column)} = ${!value} where id = 'openai/gpt-6-luna'`
    expect((await get(userId)).default_model).toBe('openai/gpt-6-luna')
  }
})

test("the operator's default stands in for a missing choice", async () => {
  const { userId } = await signUpSomebody(bench)
  const resolvedWith = async (DEFAULT_MODEL_ID: string) => {
    const { call } = await bench.startReplica({ DEFAULT_MODEL_ID })
    return (await answerOf(await call('GET', PATH, { as: { userId } }))).body.default_model
  }
  expect(await resolvedWith('openai/gpt-5.5')).toBe('openai/gpt-5.5')
  expect(await resolvedWith('no/such')).toBe((await get(userId)).default_model)
})

test('of changes at once each is all or nothing: what is stored is one of them', async () => {
  const { userId } = await signUpSomebody(bench)
  const pairs = [
    { theme: 'light', default_model: 'openai/gpt-5.5' },
    { theme: 'system', default_model: null },
    // Refused as a whole.
    { theme: 'dark', default_model: 'nobody/has-this' },
  ]
  for (let round = 0; round < 10; round += 1) {
    const statuses = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const json = pairs[index % pairs.length]
        return (await bench.call('PATCH', '/api/settings', { as: { userId }, json })).status
      }),
    )
    expect(statuses.filter(status => status === 400)).toHaveLength(10)
    const [row] = await bench.sql`select theme, default_model from identity.users where id = ${userId}`
    expect(pairs.slice(0, 2)).toContainEqual({ ...(row as (typeof pairs)[0]) })
  }
})

test('changes of different fields at once all survive', async () => {
  const { userId } = await signUpSomebody(bench)
  for (let round = 0; round < 10; round += 1) {
    const [theme, model] = round % 2 ? ['light', 'openai/gpt-5.5'] : ['system', 'openai/gpt-6-sol']
    const all = await Promise.all([patch(userId, { theme }), patch(userId, { default_model: model })])
    expect(all.map(({ status }) => status)).toEqual([200, 200])
    expect(await get(userId)).toMatchObject({ default_model: model, theme })
  }
})

test('404 when the user is gone or disabled', async () => {
  const { userId } = await signUpSomebody(bench)
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  for (const as of [{ userId }, { userId: crypto.randomUUID() }]) {
    expect((await bench.call('GET', PATH, { as })).status).toBe(404)
    expect((await bench.call('PATCH', PATH, { as, json: { theme: 'dark' } })).status).toBe(404)
  }
})
