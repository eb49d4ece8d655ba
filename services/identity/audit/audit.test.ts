import { afterAll, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { resolveSession } from '@mogplex/proto/identity.ts'
import {
  answerOf,
  type IdentityBench,
  PASSWORD,
  signUpSomebody,
  startIdentity,
  tokenIn,
} from '../test-bench.ts'

const PATH = '/api/settings/audit'
const KEYS = '/api/settings/api-keys'
const headers = { 'user-agent': 'a browser/1.0' }
const provider = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('{}') })
let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity({ OPENAI_BASE_URL: `http://127.0.0.1:${provider.port}` })
})
afterAll(async () => {
  await bench.stop()
  await provider.stop(true)
})

interface Entry {
  id: string
  type: string
  at: string
  ip: string | null
  userAgent: string | null
  subject: { id: string; prefix: string | null } | null
}

const pageOf = async (userId: string, query = '') => {
  const { status, body } = await answerOf(await bench.call('GET', PATH + query, { as: { userId } }))
  return { status, body, entries: body.entries as Entry[], nextCursor: body.nextCursor as string | null }
}
const told = (entries: Entry[]) => entries.map(({ type, subject }) => [type, subject?.id ?? null])
const trailOf = async (userId: string) => told((await pageOf(userId)).entries).toReversed()

async function somebody() {
  const { userId, email, token } = await signUpSomebody(bench)
  const [session] = await bench.sql`select id from identity.sessions where user_id = ${userId}`
  const sessionId = String(session?.id)
  return { userId, email, token, sessionId, as: { userId, sessionId } }
}
const signIn = (email: string, password: string) =>
  bench.call('POST', '/api/auth/sign-in/email', { json: { email, password }, headers })
const addEntries = (userId: string, count: number, at = new Date()) =>
  bench.sql`insert into identity.audit_entries (id, user_id, type, at)
    select gen_random_uuid(), ${userId}, 'user.signed-in', ${at} from generate_series(1, ${count})`

test('signing up, in and out, ending a session and changing the password', async () => {
  const { userId, email, sessionId, as } = await somebody()
  await signIn(email, PASSWORD)
  const [other] = await bench.sql`select id from identity.sessions
    where user_id = ${userId} and id <> ${sessionId}`
  const otherId = String(other?.id)
  await bench.call('DELETE', `/api/auth/sessions/${otherId.toUpperCase()}`, { as, headers })
  const json = { currentPassword: PASSWORD, newPassword: 'an entirely new one' }
  await bench.call('POST', '/api/auth/password', { as, json, headers })
  await bench.call('POST', '/api/auth/sign-out', { as, headers })
  const { entries, nextCursor } = await pageOf(userId)
  expect(told(entries).toReversed()).toEqual([
    ['user.signed-up', sessionId],
    ['user.signed-in', otherId],
    ['session.revoked', otherId],
    ['user.password-changed', null],
    ['user.signed-out', sessionId],
  ])
  expect(nextCursor).toBeNull()
  expect(entries[0]).toEqual({
    id: expect.any(String),
    type: 'user.signed-out',
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    ip: '192.0.2.7',
    userAgent: 'a browser/1.0',
    subject: { id: sessionId, prefix: null },
  })
})

test('what changed nothing is not told', async () => {
  const { userId, sessionId, as } = await somebody()
  await bench.call('DELETE', `/api/auth/sessions/${crypto.randomUUID()}`, { as })
  await bench.call('POST', '/api/auth/password', { as, json: { newPassword: 'an entirely new one' } })
  await bench.call('DELETE', `${KEYS}/${crypto.randomUUID()}`, { as })
  await bench.call('DELETE', '/api/settings/keys?provider=openai', { as })
  await bench.call('POST', '/api/settings/keys/verify', { as, json: { provider: 'openai' } })
  await bench.call('POST', '/api/auth/sign-out', { as })
  await bench.call('POST', '/api/auth/sign-out', { as })
  await bench.call('POST', '/api/auth/sign-out')
  expect(await trailOf(userId)).toEqual([
    ['user.signed-up', sessionId],
    ['user.signed-out', sessionId],
  ])
})

test('a refused sign-in to an account is told to it, also while it is disabled; one to nobody is not', async () => {
  const { userId, email } = await somebody()
  const count = async () =>
    (
      await bench.sql`select count(*)::int as n from identity.audit_entries where type = 'user.sign-in-failed'`
    )[0]?.n
  await signIn(email.toUpperCase(), 'not the password')
  await signIn('nobody@example.test', 'not the password')
  expect(await waitUntil(async () => (await count()) === 1, { limitMs: 20_000 })).toBe(true)
  expect((await pageOf(userId)).entries[0]).toMatchObject({
    ...{ type: 'user.sign-in-failed', subject: null, ip: '192.0.2.7', userAgent: 'a browser/1.0' },
  })
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  await signIn(email, PASSWORD)
  expect(await waitUntil(async () => (await count()) === 2, { limitMs: 20_000 })).toBe(true)
})

test('a wrong current password is told', async () => {
  const { userId, as } = await somebody()
  const json = { currentPassword: 'not the password', newPassword: 'an entirely new one' }
  expect((await bench.call('POST', '/api/auth/password', { as, json })).status).toBe(403)
  expect((await pageOf(userId)).entries[0]).toMatchObject({
    ...{ type: 'user.password-refused', subject: null, ip: '192.0.2.7' },
  })
})

test('a stolen session is told once, from nowhere', async () => {
  const { userId, token, sessionId, email } = await somebody()
  await bench.sql`update identity.sessions set previous_token_hash = token_hash, token_hash = 'x',
    previous_valid_until = now() - interval '1 second' where id = ${sessionId}`
  const resolve = () => bench.ask(resolveSession, { tokenHash: sha256Hex(token) })
  await Promise.all([resolve(), resolve(), resolve()])
  const { entries } = await pageOf(userId)
  expect(entries.map(({ type }) => type)).toEqual(['session.stolen', 'user.signed-up'])
  expect(entries[0]).toMatchObject({ ip: null, userAgent: null, subject: { id: sessionId, prefix: null } })
  expect(tokenIn(await signIn(email, PASSWORD))).toBeString()
})

test('tokens by id and prefix: made, rotated, revoked', async () => {
  const { userId, sessionId, as } = await somebody()
  const make = async (path: string, json: object) =>
    (await answerOf(await bench.call('POST', path, { as, json }))).body as { id: string; prefix: string }
  const first = await make(KEYS, { name: 'x' })
  const second = await make(`${KEYS}/${first.id}/rotate`, { overlapHours: 0 })
  await bench.call('DELETE', `${KEYS}/${second.id}`, { as })
  const { entries } = await pageOf(userId)
  expect(told(entries).toReversed()).toEqual([
    ['user.signed-up', sessionId],
    ['pat.created', first.id],
    ['pat.rotated', first.id],
    ['pat.created', second.id],
    ['pat.revoked', second.id],
  ])
  expect(entries.map(({ subject }) => subject?.prefix)).toEqual([
    ...[second.prefix, second.prefix, first.prefix, first.prefix, null],
  ])
})

test('provider keys by provider: stored, verified, deleted', async () => {
  const { userId, sessionId, as } = await somebody()
  await bench.call('PUT', '/api/settings/keys', { as, json: { provider: 'openai', key: 'sk-1' } })
  await bench.call('POST', '/api/settings/keys/verify', { as, json: { provider: 'openai' } })
  await bench.call('DELETE', '/api/settings/keys?provider=openai', { as })
  expect(await trailOf(userId)).toEqual([
    ['user.signed-up', sessionId],
    ['provider-key.stored', 'openai'],
    ['provider-key.verified', 'openai'],
    ['provider-key.deleted', 'openai'],
  ])
})

test('no secret is in the trail', async () => {
  const { email, token, as } = await somebody()
  const { body } = await answerOf(await bench.call('POST', KEYS, { as, json: { name: 'x' } }))
  await bench.call('PUT', '/api/settings/keys', { as, json: { provider: 'openai', key: 'sk-very-secret' } })
  await signIn(email, 'wrong-very-secret')
  await Bun.sleep(100)
  const [row] = await bench.sql`select json_agg(a)::text as dump from identity.audit_entries a`
  const secrets = [
    token,
    String(body.token),
    'very-secret',
    PASSWORD,
    sha256Hex(token),
    sha256Hex(String(body.token)),
  ]
  for (const secret of secrets) expect(row?.dump).not.toContain(secret)
})

test('a change that is not saved leaves no entry, and an entry that cannot be saved no change', async () => {
  const { userId, as } = await somebody()
  await bench.sql`alter table identity.audit_entries rename to gone`
  try {
    const responses = await Promise.all([
      bench.call('POST', KEYS, { as, json: { name: 'x' } }),
      bench.call('POST', '/api/auth/sign-out', { as }),
      bench.call('PUT', '/api/settings/keys', { as, json: { provider: 'openai', key: 'k' } }),
      bench.call('GET', PATH, { as }),
    ])
    expect(responses.map(({ status }) => status)).toEqual([500, 500, 500, 500])
  } finally {
    await bench.sql`alter table identity.gone rename to audit_entries`
  }
  const [row] = await bench.sql`select
    (select count(*)::int from identity.user_api_keys where user_id = ${userId}) as keys,
    (select count(*)::int from identity.provider_keys where user_id = ${userId}) as providers,
    (select count(*)::int from identity.sessions where user_id = ${userId} and revoked_at is null) as live`
  expect({ ...row }).toEqual({ keys: 0, providers: 0, live: 1 })
})

test('pages meet without a gap or a repeat, also among entries of one moment, whatever comes and goes', async () => {
  const { userId } = await somebody()
  const other = await somebody()
  await addEntries(userId, 24)
  await addEntries(other.userId, 5)
  const all = (await pageOf(userId, '?limit=200')).entries.map(({ id }) => id)
  expect(all.length).toBe(25)
  const seen: string[] = []
  let cursor: string | null = ''
  for (let page = 0; cursor !== null; page += 1) {
    const { entries, nextCursor } = await pageOf(userId, `?limit=5&cursor=${cursor}`)
    expect(entries.length).toBe(5)
    seen.push(...entries.map(({ id }) => id))
    cursor = nextCursor
    if (page === 0) await addEntries(userId, 3)
    // The row a cursor names need not be there any more.
    if (page === 1) await bench.sql`delete from identity.audit_entries where id = ${seen.at(-1) ?? ''}`
  }
  // Entries of the same moment as those of the pages may sort among them; the first ones are all there.
  expect(all.filter(id => !seen.includes(id))).toEqual([])
  expect(new Set(seen).size).toBe(seen.length)
})

test('the limit is 50 unless said, and clamped to 1 to 200', async () => {
  const { userId } = await somebody()
  await addEntries(userId, 219)
  const countOf = async (limit: string) => (await pageOf(userId, `?limit=${limit}`)).entries.length
  expect((await pageOf(userId)).entries.length).toBe(50)
  expect(await Promise.all(['0', '-3', '1', '7x', '200', '9999', 'x', ''].map(countOf))).toEqual([
    ...[1, 1, 1, 7, 200, 200, 50, 50],
  ])
  expect((await pageOf(userId, '?limit=200')).nextCursor).toBeString()
})

test('a full last page has no cursor; a bad cursor is 400', async () => {
  const { userId } = await somebody()
  await addEntries(userId, 4)
  expect((await pageOf(userId, '?limit=5')).nextCursor).toBeNull()
  expect((await pageOf(userId, '?limit=4')).nextCursor).toBeString()
  for (const cursor of ['x', '%00', '%20', 'e30', 'null']) {
    const { status, body } = await pageOf(userId, `?cursor=${cursor}`)
    expect([cursor, status, body]).toEqual([cursor, 400, { error: 'Invalid cursor', code: 'BAD_REQUEST' }])
  }
})

test("everybody sees their own trail only, whoever's cursor they send", async () => {
  const [mine, theirs] = [await somebody(), await somebody()]
  await addEntries(theirs.userId, 5)
  const { nextCursor } = await pageOf(theirs.userId, '?limit=1')
  expect(told((await pageOf(mine.userId)).entries)).toEqual([['user.signed-up', mine.sessionId]])
  const { status, entries } = await pageOf(mine.userId, `?cursor=${nextCursor}`)
  expect([status, told(entries)]).toEqual([200, [['user.signed-up', mine.sessionId]]])
  expect((await bench.call('GET', PATH)).status).toBe(401)
})
