import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { resolvePat } from '@mogplex/proto/identity.ts'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

const PATH = '/api/settings/api-keys'
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

const resolve = (token: unknown) => bench.ask(resolvePat, { tokenHash: sha256Hex(String(token)) })
const create = (userId: string, json: unknown) => bench.call('POST', PATH, { as: { userId }, json })
const keysOf = async (userId: string) => {
  const { body } = await answerOf(await bench.call('GET', PATH, { as: { userId } }))
  return body.keys as { id: string; name: string }[]
}

async function somebodyWithKey(json: object = { name: 'laptop' }) {
  const { userId } = await signUpSomebody(bench)
  const { body } = await answerOf(await create(userId, json))
  return { userId, id: String(body.id), token: String(body.token), body }
}

test('a new token is shown once and works; afterwards only its prefix is known', async () => {
  const { userId, id, token, body } = await somebodyWithKey({ name: '  my laptop ' })
  expect(body).toEqual({
    id,
    token: expect.stringMatching(/^mog_[A-Za-z0-9]{32}$/),
    prefix: token.slice(0, 12),
    scopes: ['read', 'write'],
    expiresAt: null,
  })
  expect(await keysOf(userId)).toEqual([
    {
      id,
      name: 'my laptop',
      prefix: token.slice(0, 12),
      scopes: ['read', 'write'],
      createdAt: expect.any(String),
      lastUsedAt: null,
      expiresAt: null,
    },
  ] as never)
  expect(await resolve(token)).toEqual({
    status: 'valid',
    userId,
    keyId: id,
    scopes: ['read', 'write'],
    expiresAt: null,
    usableForMs: 60_000,
  })
  const dump = await bench.sql`select (select json_agg(k)::text from identity.user_api_keys k) as keys,
    (select json_agg(o)::text from identity.outbox o) as outbox`
  expect(JSON.stringify(dump)).not.toContain(token)
  expect(JSON.stringify(dump)).toContain(sha256Hex(token))
})

test('scopes are deduplicated in the order given; days become an expiry', async () => {
  const { token, body } = await somebodyWithKey({
    name: 'ci',
    scopes: ['write', 'read', 'write'],
    expiresInDays: 3650,
  })
  expect(body.scopes).toEqual(['write', 'read'])
  expect(Date.parse(String(body.expiresAt)) - Date.now()).toBeWithin(3649.9 * 864e5, 3650.1 * 864e5)
  expect(await resolve(token)).toMatchObject({ scopes: ['write', 'read'], expiresAt: body.expiresAt })
  const one = await somebodyWithKey({ name: 'x', scopes: null, expiresInDays: null })
  expect(one.body).toMatchObject({ scopes: ['read', 'write'], expiresAt: null })
})

test('every bad field is 400, named and explained, and makes no token', async () => {
  const { userId } = await signUpSomebody(bench)
  const bad: [string, RegExp, unknown[]][] = [
    ['name', /^name: /, [undefined, null, 1, [], {}, '', '  ', 'x'.repeat(101), 'a\u0000', '\ud800']],
    ['scopes', /^scopes: .*array/, ['read', 1, true, {}, { 0: 'read', length: 1 }]],
    ['scopes', /^scopes: at least one/, [[]]],
    ['scopes', /^scopes: .*read, write/, [['admin-x'], [null], [1], [['read']], ['read', 'Write']]],
    ['expiresInDays', /^expiresInDays: /, [0, -1, 1.5, 3651, 1e300, '30', true, [], {}]],
  ]
  for (const [field, message, values] of bad) {
    for (const value of values) {
      const { status, body } = await answerOf(await create(userId, { name: 'x', [field]: value }))
      expect([field, value, status, body.code]).toEqual([field, value, 400, 'BAD_REQUEST'])
      expect(String(body.error)).toMatch(message)
      expect(String(body.error)).not.toContain('admin-x')
    }
  }
  for (const body of ['', '[]', '{"name":'])
    expect((await bench.call('POST', PATH, { as: { userId }, body })).status).toBe(400)
  expect(await keysOf(userId)).toEqual([])
})

test('exactly 100 live tokens, also when they are asked for all at once', async () => {
  const { userId } = await signUpSomebody(bench)
  const all = await Promise.all(
    Array.from({ length: 120 }, (_, index) => create(userId, { name: `key ${index}` })),
  )
  const statuses = all.map(response => response.status)
  expect(statuses.filter(status => status === 200).length).toBe(100)
  expect(statuses.filter(status => status === 409).length).toBe(20)
  const keys = await keysOf(userId)
  expect(keys.length).toBe(100)
  // A revoked or an expired one gives its place back.
  await bench.call('DELETE', `${PATH}/${keys[0]?.id}`, { as: { userId } })
  expect((await create(userId, { name: 'again' })).status).toBe(200)
  expect((await create(userId, { name: 'no' })).status).toBe(409)
  await bench.sql`update identity.user_api_keys set expires_at = now() - interval '1 second' where id = ${keys[1]?.id ?? ''}`
  expect((await create(userId, { name: 'again' })).status).toBe(200)
})

test('newest first; expired ones are listed, revoked ones are not', async () => {
  const { userId, id, token } = await somebodyWithKey()
  const second = String((await answerOf(await create(userId, { name: 'second' }))).body.id)
  const third = String((await answerOf(await create(userId, { name: 'third' }))).body.id)
  await bench.sql`update identity.user_api_keys set expires_at = now() - interval '1 second' where id = ${id}`
  await bench.call('DELETE', `${PATH}/${second}`, { as: { userId } })
  expect((await keysOf(userId)).map(key => key.id)).toEqual([third, id])
  expect(await resolve(token)).toEqual({ status: 'invalid' })
})

test('a revoked token is dead with the reply; revoking again, foreign, unknown and malformed ids are 404', async () => {
  const mine = await somebodyWithKey()
  const theirs = await somebodyWithKey()
  const remove = (id: string) => bench.call('DELETE', `${PATH}/${id}`, { as: { userId: mine.userId } })
  expect(await answerOf(await remove(mine.id))).toEqual({ status: 200, body: { ok: true } })
  expect(await resolve(mine.token)).toEqual({ status: 'invalid' })
  for (const id of [mine.id, theirs.id, crypto.randomUUID(), 'nonsense', '%27']) {
    const { status, body } = await answerOf(await remove(id))
    expect([id, status, body]).toEqual([id, 404, { error: 'Not found', code: 'NOT_FOUND' }])
  }
  expect((await resolve(theirs.token)).status).toBe('valid')
  expect(await keysOf(theirs.userId)).toHaveLength(1)
  const events = await bench.sql`select subject, payload from identity.outbox
    where user_id = ${mine.userId} and subject like '%.pat.%' order by sequence`
  const payload = { keyId: mine.id, prefix: mine.token.slice(0, 12), scopes: ['read', 'write'] }
  expect([...events]).toEqual([
    { subject: 'evt.identity.pat.created', payload },
    { subject: 'evt.identity.pat.revoked', payload },
  ])
})

test('of several revocations at once one succeeds and tells', async () => {
  const { userId, id } = await somebodyWithKey()
  const all = await Promise.all(
    Array.from({ length: 6 }, () => bench.call('DELETE', `${PATH}/${id}`, { as: { userId } })),
  )
  expect(all.map(response => response.status).toSorted()).toEqual([200, 404, 404, 404, 404, 404])
})

test('a use is written down, at most once a minute', async () => {
  const { id, token } = await somebodyWithKey()
  const lastUse = async () => {
    const [row] = await bench.sql`select last_used_at from identity.user_api_keys where id = ${id}`
    return row?.last_used_at as Date | null
  }
  const written = async (since: Date | null) => {
    for (let attempt = 0; attempt < 2_000; attempt += 1) {
      const at = await lastUse()
      if (at && (!since || at > since)) return at
      await Bun.sleep(10)
    }
    throw new Error('the use was not written down')
  }
  await Promise.all(Array.from({ length: 5 }, () => resolve(token)))
  const first = await written(null)
  await resolve(token)
  await Bun.sleep(100)
  expect(await lastUse()).toEqual(first)
  await bench.sql`update identity.user_api_keys set last_used_at = now() - interval '61 seconds' where id = ${id}`
  await resolve(token)
  expect((await written(first)) >= first).toBe(true)
})

test('tokens of a disabled user are invalid', async () => {
  const { userId, token } = await somebodyWithKey()
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  expect(await resolve(token)).toEqual({ status: 'invalid' })
  expect((await create(userId, { name: 'x' })).status).toBe(401)
})
