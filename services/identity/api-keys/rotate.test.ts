import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { resolvePat } from '@mogplex/proto/identity.ts'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

const PATH = '/api/settings/api-keys'
const HOUR_MS = 3_600_000
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

const statusOf = async (token: unknown) =>
  (await bench.ask(resolvePat, { tokenHash: sha256Hex(String(token)) })).status
const create = async (userId: string, json: object = { name: 'laptop' }) => {
  const { body } = await answerOf(await bench.call('POST', PATH, { as: { userId }, json }))
  return body as { id: string; token: string; prefix: string; expiresAt: string | null }
}
const rotate = (userId: string, id: string, json: unknown = { overlapHours: 24 }) =>
  bench.call('POST', `${PATH}/${id}/rotate`, { as: { userId }, json })
const list = async (userId: string) => {
  const { body } = await answerOf(await bench.call('GET', PATH, { as: { userId } }))
  return body.keys as Record<string, unknown>[]
}
/** As if the token had been made earlier. */
const age = (id: string, interval: string) => bench.sql`update identity.user_api_keys
  set created_at = created_at - ${interval}::interval, expires_at = expires_at - ${interval}::interval where id = ${id}`
async function somebodyWithKey(json?: object) {
  const { userId } = await signUpSomebody(bench)
  return { userId, old: await create(userId, json) }
}

test('both tokens are good for the overlap, listed and linked; then the old one is dead', async () => {
  const { userId, old } = await somebodyWithKey({ name: 'ci', scopes: ['read'] })
  const { status, body } = await answerOf(await rotate(userId, old.id))
  expect(status).toBe(200)
  expect(body).toEqual({
    id: expect.any(String),
    token: expect.stringMatching(/^mog_[A-Za-z0-9]{32}$/),
    prefix: String(body.token).slice(0, 12),
    scopes: ['read'],
    expiresAt: null,
    rotatedFrom: old.id,
    previousExpiresAt: expect.any(String),
  })
  const leftMs = Date.parse(String(body.previousExpiresAt)) - Date.now()
  expect(leftMs).toBeWithin(23.9 * HOUR_MS, 24.1 * HOUR_MS)
  expect([await statusOf(old.token), await statusOf(body.token)]).toEqual(['valid', 'valid'])
  const [fresh, previous] = await list(userId)
  expect(fresh).toMatchObject({ id: body.id, name: 'ci', scopes: ['read'], rotatedFrom: old.id })
  expect(previous).toMatchObject({ id: old.id, expiresAt: body.previousExpiresAt, rotatedTo: body.id })
  expect([fresh && 'rotatedTo' in fresh, previous && 'rotatedFrom' in previous]).toEqual([false, false])
  await bench.sql`update identity.user_api_keys set expires_at = now() - interval '1 second' where id = ${old.id}`
  expect([await statusOf(old.token), await statusOf(body.token)]).toEqual(['invalid', 'valid'])
  const dump = await bench.sql`select (select json_agg(k)::text from identity.user_api_keys k) as keys,
    (select json_agg(o)::text from identity.outbox o) as outbox`
  expect(JSON.stringify(dump)).not.toContain(String(body.token))
})

test('without an overlap the old token is dead with the reply', async () => {
  const { userId, old } = await somebodyWithKey()
  const { body } = await answerOf(await rotate(userId, old.id, { overlapHours: 0 }))
  expect([await statusOf(old.token), await statusOf(body.token)]).toEqual(['invalid', 'valid'])
  expect((await list(userId)).map(({ id, rotatedFrom }) => [id, rotatedFrom])).toEqual([[body.id, old.id]])
})

test('the new token lives as long as the old one was given; the old one never longer than before', async () => {
  const { userId, old } = await somebodyWithKey({ name: 'x', expiresInDays: 90 })
  await age(old.id, '89 days 23 hours')
  const { body } = await answerOf(await rotate(userId, old.id, { overlapHours: 168 }))
  const days = (Date.parse(String(body.expiresAt)) - Date.now()) / 24 / HOUR_MS
  expect(days).toBeWithin(89.9, 90.1)
  expect(Date.parse(String(body.previousExpiresAt)) - Date.now()).toBeWithin(0.9 * HOUR_MS, 1.1 * HOUR_MS)
  expect((await list(userId))[1]?.expiresAt).toBe(body.previousExpiresAt)
})

test('a rotation is told: the new token, the rotation, and the old one where it ends at once', async () => {
  const { userId, old } = await somebodyWithKey()
  const second = (await answerOf(await rotate(userId, old.id))).body as typeof old
  const third = (await answerOf(await rotate(userId, second.id, { overlapHours: 0 }))).body as typeof old
  const rows = await bench.sql`select subject, payload from identity.outbox
    where user_id = ${userId} and subject like 'evt.identity.pat.%' order by sequence`
  const facts = ({ id, prefix }: typeof old) => ({ keyId: id, prefix, scopes: ['read', 'write'] })
  expect(rows.map(({ subject, payload }) => [subject.split('.').at(-1), payload])).toEqual([
    ['created', facts(old)],
    ['created', facts(second)],
    ['rotated', { ...facts(old), successorId: second.id, goodUntil: expect.any(String) }],
    ['created', facts(third)],
    ['revoked', facts(second)],
    ['rotated', { ...facts(second), successorId: third.id, goodUntil: expect.any(String) }],
  ])
})

test('of several rotations of one token at once one succeeds', async () => {
  for (const [overlapHours, refusal] of [
    [24, 409],
    [0, 404],
  ] as const) {
    const { userId, old } = await somebodyWithKey()
    // One waits for the table, the others behind it for the user's row; the first of those is not counted.
    const all = await bench.raceOn('user_api_keys', 4, () =>
      Promise.all(Array.from({ length: 5 }, () => rotate(userId, old.id, { overlapHours }))),
    )
    const statuses = all.map(({ status }) => status).toSorted()
    expect(statuses).toEqual([200, refusal, refusal, refusal, refusal])
    const [row] =
      await bench.sql`select count(*)::int as n from identity.user_api_keys where user_id = ${userId}`
    expect(row?.n).toBe(2)
  }
})

test('a token is rotated once, also after its successor has ended', async () => {
  const { userId, old } = await somebodyWithKey()
  const { body } = await answerOf(await rotate(userId, old.id))
  const again = await answerOf(await rotate(userId, old.id))
  expect([again.status, again.body.code]).toEqual([409, 'CONFLICT'])
  await bench.call('DELETE', `${PATH}/${body.id}`, { as: { userId } })
  expect((await rotate(userId, old.id)).status).toBe(409)
})

test('the quota counts: with an overlap 409 and nothing changed, without one it goes through', async () => {
  const { userId, old } = await somebodyWithKey()
  await Promise.all(Array.from({ length: 99 }, (_, index) => create(userId, { name: `key ${index}` })))
  const refused = await answerOf(await rotate(userId, old.id, { overlapHours: 1 }))
  expect([refused.status, refused.body.code]).toEqual([409, 'CONFLICT'])
  expect((await list(userId)).find(({ id }) => id === old.id)).toMatchObject({ expiresAt: null })
  expect(await statusOf(old.token)).toBe('valid')
  expect((await rotate(userId, old.id, { overlapHours: 0 })).status).toBe(200)
  expect((await list(userId)).length).toBe(100)
})

test('foreign, revoked, expired, unknown and malformed tokens are 404 and stay as they are', async () => {
  const [mine, theirs] = [await somebodyWithKey(), await somebodyWithKey()]
  const [revoked, expired] = [await create(mine.userId), await create(mine.userId)]
  await bench.call('DELETE', `${PATH}/${revoked.id}`, { as: { userId: mine.userId } })
  await bench.sql`update identity.user_api_keys set expires_at = now() - interval '1 second' where id = ${expired.id}`
  for (const id of [theirs.old.id, revoked.id, expired.id, crypto.randomUUID(), 'nonsense', "'%20or%201=1"]) {
    const { status, body } = await answerOf(await rotate(mine.userId, id))
    expect([id, status, body]).toEqual([id, 404, { error: 'Not found', code: 'NOT_FOUND' }])
  }
  expect(await statusOf(theirs.old.token)).toBe('valid')
  expect((await list(mine.userId)).length).toBe(2)
})

test('a bad overlap is 400, named, and changes nothing; 0 and 168 are the ends', async () => {
  const { userId, old } = await somebodyWithKey()
  for (const overlapHours of [undefined, null, '24', -1, 0.5, 169, 1e300, true, [], {}, 'a\u0000']) {
    const { status, body } = await answerOf(await rotate(userId, old.id, { overlapHours }))
    expect([overlapHours, status, body.code]).toEqual([overlapHours, 400, 'BAD_REQUEST'])
    expect(String(body.error)).toStartWith('overlapHours: ')
  }
  for (const body of ['', '[]', '{'])
    expect((await bench.call('POST', `${PATH}/${old.id}/rotate`, { as: { userId }, body })).status).toBe(400)
  expect((await list(userId)).length).toBe(1)
  expect((await rotate(userId, old.id, { overlapHours: 168 })).status).toBe(200)
})

test('whose token it is comes before what is asked', async () => {
  const [mine, theirs] = [await somebodyWithKey(), await somebodyWithKey()]
  for (const json of [{}, { overlapHours: -1 }, [], undefined])
    expect((await rotate(mine.userId, theirs.old.id, json)).status).toBe(404)
})

test('a disabled user rotates nothing: 401', async () => {
  const { userId, old } = await somebodyWithKey()
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  expect((await rotate(userId, old.id)).status).toBe(401)
})
