import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { connectDatabase, type DatabaseConnection } from '@mogplex/kit/database/connect.ts'
import { newId, sha256Hex } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { prune } from '@mogplex/kit/retention/prune.ts'
import { bothSidesOf, idMadeAt, indexesOf } from '@mogplex/kit/test-bench/retention.ts'
import { resolvePat, resolveSession } from '@mogplex/proto/identity.ts'
import { ABSOLUTE_LIFE_DAYS, ABSOLUTE_LIFE_MS, after } from '../sessions/lifetime.ts'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'
import {
  CLI_GRANTS_KEPT_DAYS,
  GATEWAY_LEASES_KEPT_DAYS,
  identityRetention,
  REVOKED_KEYS_KEPT_DAYS,
  SESSIONS_KEPT_DAYS,
} from './retention.ts'

setDefaultTimeout(60_000)

const KEYS = '/api/settings/api-keys'
const log = createLog({ process: 'test', level: 'silent' })
let bench: IdentityBench
let connection: DatabaseConnection
beforeAll(async () => {
  // The service prunes too while the tests run; the trail it leaves to them.
  bench = await startIdentity({ AUDIT_RETENTION_DAYS: '0' })
  connection = await connectDatabase({ url: bench.databaseUrl, applicationName: 'test', log })
})
afterAll(async () => {
  await connection.close()
  await bench.stop()
})

const pruneAll = (auditDays = 400) =>
  prune({ database: connection.database, log, rules: identityRetention(auditDays) })

/** Adds the rows; returns how to ask which of them, by their number, are left. */
async function add(table: string, key: string, rows: Record<string, unknown>[]) {
  const target = bench.sql(`identity.${table}`)
  await bench.sql`insert into ${target} ${bench.sql(rows)}`
  return async () => {
    const left = await bench.sql`select ${bench.sql(key)} as key from ${target}`
    const keys = new Set(left.map(row => row.key))
    return [...rows.keys()].filter(number => keys.has(rows[number]?.[key]))
  }
}

const addEntries = (userId: string, ages: Date[]) => {
  const entries = ages.map(at => ({ id: idMadeAt(at), user_id: userId, type: 'user.signed-in', at }))
  return add('audit_entries', 'id', entries)
}

test('entries of the audit trail are kept for so many days, for ever when it is 0', async () => {
  const { userId } = await signUpSomebody(bench)
  const [long, short] = [bothSidesOf(400), bothSidesOf(90)]
  const left = await addEntries(userId, [long.older, long.younger, short.older, short.younger])
  await pruneAll(0)
  expect(await left()).toEqual([0, 1, 2, 3])
  await pruneAll(400)
  expect(await left()).toEqual([1, 2, 3])
  await pruneAll(90)
  expect(await left()).toEqual([3])
})

test('a session goes when it would be over however much it was used; until then a late token is noticed', async () => {
  const { userId, token } = await signUpSomebody(bench)
  const { older, younger } = bothSidesOf(ABSOLUTE_LIFE_DAYS + SESSIONS_KEPT_DAYS)
  const begun = (at: Date, rest = {}) => {
    const [id, end] = [idMadeAt(at), after(at, ABSOLUTE_LIFE_MS)]
    const times = {
      created_at: at,
      rotated_at: at,
      last_seen_at: at,
      expires_at: end,
      absolute_expires_at: end,
    }
    return { id, user_id: userId, token_hash: id, revoked_at: null, ...times, ...rest }
  }
  const recent = bothSidesOf(ABSOLUTE_LIFE_DAYS).younger
  const left = await add('sessions', 'id', [
    begun(older),
    begun(older, { revoked_at: older }),
    begun(younger),
    begun(recent, { revoked_at: recent }),
    begun(recent, { expires_at: recent }),
  ])
  const replaced = { previous_token_hash: sha256Hex('replaced'), previous_valid_until: recent }
  const stolen = await add('sessions', 'id', [{ ...begun(recent), ...replaced }])
  await pruneAll()
  expect(await left()).toEqual([2, 3, 4])
  expect(await stolen()).toEqual([0])
  const used = await bench.ask(resolveSession, { tokenHash: sha256Hex('replaced') })
  const [audit] = await bench.sql`select type from identity.audit_entries
    where user_id = ${userId} order by at desc, id desc limit 1`
  expect([used.status, audit?.type]).toEqual(['invalid', 'session.stolen'])
  expect((await bench.ask(resolveSession, { tokenHash: sha256Hex(token) })).status).toBe('valid')
})

test('the answer to a consent is remembered long after the consent can be shown', async () => {
  const { userId } = await signUpSomebody(bench)
  const { older, younger } = bothSidesOf(CLI_GRANTS_KEPT_DAYS)
  const grants = [older, younger, after(new Date(), 600_000)].map(expires_at => ({
    ...{ jti: idMadeAt(after(expires_at, -600_000)), user_id: userId, nonce_hash: newId(), callback: 'x' },
    ...{ status: 'denied', created_at: expires_at, expires_at },
  }))
  const left = await add('cli_grants', 'jti', grants)
  await pruneAll()
  expect(await left()).toEqual([1, 2])
})

test('a revoked token goes; its successor, its grant and tokens that merely expired stay', async () => {
  const { userId } = await signUpSomebody(bench)
  const as = { userId }
  const call = async (method: string, path: string, json?: object) =>
    answerOf(await bench.call(method, KEYS + path, json ? { as, json } : { as }))
  const create = async () => String((await call('POST', '', { name: 'laptop' })).body.id)
  const [old, young, expired] = [await create(), await create(), await create()]
  const rotated = await call('POST', `/${old}/rotate`, { overlapHours: 0 })
  await call('DELETE', `/${young}`)
  const { older, younger } = bothSidesOf(REVOKED_KEYS_KEPT_DAYS)
  const { sql } = bench
  await sql`update identity.user_api_keys set revoked_at = ${older} where id = ${old}`
  await sql`update identity.user_api_keys set revoked_at = ${younger} where id = ${young}`
  await sql`update identity.user_api_keys set expires_at = ${new Date(0)} where id = ${expired}`
  const consent = { jti: newId(), user_id: userId, nonce_hash: newId(), callback: 'x', status: 'approved' }
  const times = { created_at: new Date(), expires_at: new Date() }
  const grants = await add('cli_grants', 'jti', [{ ...consent, api_key_id: old, ...times }])
  await pruneAll()
  const rows =
    await sql`select id, rotated_from from identity.user_api_keys where user_id = ${userId} order by id`
  expect(rows.map(row => [row.id, row.rotated_from])).toEqual([
    [young, null],
    [expired, null],
    [rotated.body.id, null],
  ])
  expect(await grants()).toEqual([0])
  const { body } = await call('GET', '')
  const listed = (body.keys as { id: string }[]).map(({ id }) => id)
  expect(listed).toEqual([String(rotated.body.id), expired])
  const tokenHash = sha256Hex(String(rotated.body.token))
  expect((await bench.ask(resolvePat, { tokenHash })).status).toBe('valid')
  expect((await call('DELETE', `/${old}`)).status).toBe(404)
})

test('the lease of a gateway that never came back is forgotten', async () => {
  const { older, younger } = bothSidesOf(GATEWAY_LEASES_KEPT_DAYS)
  const leases = [older, younger, after(new Date(), 5_000)].map(expires_at => ({
    ...{ gateway_id: crypto.randomUUID(), term: newId(), expires_at, is_renewable: true },
  }))
  const left = await add('gateway_leases', 'gateway_id', leases)
  await pruneAll()
  expect(await left()).toEqual([1, 2])
})

test('every rule finds its rows by an index, but for the few rows of gateways', async () => {
  expect(await indexesOf(connection.database, identityRetention(400))).toEqual([
    'audit_entries by audit_entries_pkey',
    'sessions by sessions_pkey',
    'cli_grants by cli_grants_pkey',
    'user_api_keys by user_api_keys_revoked',
    'gateway_leases by nothing',
  ])
})

test('a started service prunes by itself, by AUDIT_RETENTION_DAYS and the rules of messages', async () => {
  const { userId } = await signUpSomebody(bench)
  const { older, younger } = bothSidesOf(7)
  const left = await addEntries(userId, [older, younger])
  const facts = () => bench.sql<{ published_at: Date | null }[]>`
    select published_at from identity.outbox where user_id = ${userId}`
  const arePublished = async () => (await facts()).every(fact => fact.published_at !== null)
  expect(await waitUntil(arePublished, { limitMs: 20_000 })).toBe(true)
  await bench.sql`update identity.outbox set published_at = now() - interval '9 days',
    created_at = now() - interval '9 days' where user_id = ${userId}`
  await bench.startReplica({ AUDIT_RETENTION_DAYS: '7' })
  const isPruned = async () => (await facts()).length === 0 && (await left()).length === 1
  expect(await waitUntil(isPruned, { limitMs: 20_000 })).toBe(true)
  expect(await left()).toEqual([1])
})

test('a wrong AUDIT_RETENTION_DAYS stops the start, and the message names it', async () => {
  for (const days of ['-1', '36501', '0.5', 'for ever']) {
    await expect(bench.startReplica({ AUDIT_RETENTION_DAYS: days })).rejects.toThrow('AUDIT_RETENTION_DAYS')
  }
})
