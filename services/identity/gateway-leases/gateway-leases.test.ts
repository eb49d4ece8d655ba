import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { DROPPED, dropSubject, releaseLease, renewLease } from '@mogplex/proto/gateway-leases.ts'
import { resolvePat, resolveSession } from '@mogplex/proto/identity.ts'
import { drizzle } from 'drizzle-orm/postgres-js'
import { type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'
import { letLeasesRunOut } from './gateway-leases.ts'

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())
afterEach(async () => {
  for (const end of listening.splice(0)) end()
  await bench.sql`delete from identity.gateway_leases`
})

const listening: (() => void)[] = []

/** A gateway that hears orders, and acknowledges when the test says so. */
function newGateway() {
  const gatewayId: string = crypto.randomUUID()
  const orders: string[][] = []
  const held: (() => void)[] = []
  const gateway = { gatewayId, orders, acknowledges: true, acknowledge: () => held.splice(0).map(go => go()) }
  const subscription = bench.bus.connection()?.subscribe(dropSubject(gatewayId), {
    callback: (_, message) => {
      const { ids } = message.json<{ ids: string[] }>()
      if (ids.length > 0) orders.push(ids)
      const answer = () => void message.respond(DROPPED)
      if (gateway.acknowledges) answer()
      else held.push(answer)
    },
  })
  listening.push(() => subscription?.unsubscribe())
  return gateway
}

/** What the gateway was told to drop, in order; whoever takes long to acknowledge is told again. */
const toldOf = ({ orders }: { orders: string[][] }) => [...new Set(orders.flat())]

const renew = async ({ gatewayId }: { gatewayId: string }) =>
  (await bench.ask(renewLease, { gatewayId })).term
const runOut = ({ gatewayId }: { gatewayId: string }) =>
  bench.sql`update identity.gateway_leases set expires_at = now() - interval '1 second' where gateway_id = ${gatewayId}`

async function somebodyWithKey() {
  const { userId, token: session } = await signUpSomebody(bench)
  const made = await bench.call('POST', '/api/settings/api-keys', { as: { userId }, json: { name: 'x' } })
  const { id, token } = (await made.json()) as { id: string; token: string }
  const revoke = () => bench.call('DELETE', `/api/settings/api-keys/${id}`, { as: { userId } })
  return { userId, session, id, token, revoke }
}

const isPending = async (promise: Promise<unknown>, ms: number) =>
  (await Promise.race([promise, Bun.sleep(ms).then(() => 'pending')])) === 'pending'

test('a lease keeps its term while it is renewed in time, and gets another one afterwards', async () => {
  const gateway = newGateway()
  const term = await renew(gateway)
  expect(term).not.toBeNull()
  expect(await renew(gateway)).toBe(term)
  await runOut(gateway)
  const [before] = await bench.sql`select clock_timestamp()::text as at`
  expect(await renew(gateway)).not.toBe(term)
  const [row] =
    await bench.sql`select extract(epoch from expires_at - ${before?.at}::timestamptz)::float8 as lasts,
    extract(epoch from expires_at - clock_timestamp())::float8 as left
    from identity.gateway_leases where gateway_id = ${gateway.gatewayId}`
  expect(row?.lasts).toBeGreaterThanOrEqual(6.99)
  expect(row?.left).toBeLessThanOrEqual(7)
})

test('simultaneous first renewals are one lease', async () => {
  const gateway = newGateway()
  const terms = await Promise.all(Array.from({ length: 8 }, () => renew(gateway)))
  expect(new Set(terms).size).toBe(1)
})

test('whom no order reaches gets no lease', async () => {
  expect(await renew({ gatewayId: crypto.randomUUID() })).toBeNull()
  const [row] = await bench.sql`select count(*)::int as leases from identity.gateway_leases`
  expect(row?.leases).toBe(0)
})

test('a revocation is answered when every holder has acknowledged', async () => {
  const { id, token, revoke } = await somebodyWithKey()
  const [quick, slow] = [newGateway(), newGateway()]
  await Promise.all([renew(quick), renew(slow)])
  slow.acknowledges = false
  const revoked = revoke()
  expect(await isPending(revoked, 400)).toBe(true)
  // It is ended already: only the answer waits.
  expect(await bench.ask(resolvePat, { tokenHash: sha256Hex(token) })).toEqual({ status: 'invalid' })
  slow.acknowledges = true
  slow.acknowledge()
  expect((await revoked).status).toBe(200)
  expect([toldOf(quick), toldOf(slow)]).toEqual([[id], [id]])
})

test('who does not acknowledge gets no renewal and is waited for until the lease has run out', async () => {
  const { revoke } = await somebodyWithKey()
  const silent = newGateway()
  const term = await renew(silent)
  silent.acknowledges = false
  const revoked = revoke()
  const isRefused = async () => {
    const [row] = await bench.sql`select is_renewable from identity.gateway_leases`
    return row?.is_renewable === false
  }
  expect(await waitUntil(isRefused, { limitMs: 20_000 })).toBe(true)
  expect(await isPending(revoked, 300)).toBe(true)
  await runOut(silent)
  expect((await revoked).status).toBe(200)
  silent.acknowledges = true
  const next = await renew(silent)
  expect(next).not.toBeNull()
  expect(next).not.toBe(term)
})

test('who has released the lease, or let it run out, is not asked', async () => {
  const [released, ranOut] = [newGateway(), newGateway()]
  await Promise.all([renew(released), renew(ranOut)])
  await bench.ask(releaseLease, { gatewayId: released.gatewayId })
  await runOut(ranOut)
  const { revoke } = await somebodyWithKey()
  expect((await revoke()).status).toBe(200)
  expect([released.orders, ranOut.orders]).toEqual([[], []])
})

test('the second try of a revocation is a 404 under the same promise', async () => {
  const { id, userId, revoke } = await somebodyWithKey()
  const gateway = newGateway()
  await renew(gateway)
  await revoke()
  gateway.acknowledges = false
  const ordersBefore = gateway.orders.length
  const again = bench.call('DELETE', `/api/settings/api-keys/${id.toUpperCase()}`, { as: { userId } })
  expect(await isPending(again, 300)).toBe(true)
  gateway.acknowledges = true
  gateway.acknowledge()
  expect((await again).status).toBe(404)
  expect(gateway.orders.length).toBeGreaterThan(ordersBefore)
  expect(toldOf(gateway)).toEqual([id])
})

test('a new password is about everything of its user', async () => {
  const { userId } = await signUpSomebody(bench)
  const gateway = newGateway()
  await renew(gateway)
  const json = { currentPassword: 'correct horse battery', newPassword: 'another horse battery' }
  expect((await bench.call('POST', '/api/auth/password', { as: { userId }, json })).status).toBe(200)
  expect(toldOf(gateway)).toEqual([userId])
})

test('a rotation is about the token it replaces, with an overlap and without', async () => {
  const { id, userId } = await somebodyWithKey()
  const gateway = newGateway()
  await renew(gateway)
  const rotate = async (key: string, overlapHours: number) => {
    const path = `/api/settings/api-keys/${key}/rotate`
    const response = await bench.call('POST', path, { as: { userId }, json: { overlapHours } })
    return String(((await response.json()) as { id: string }).id)
  }
  const next = await rotate(id, 1)
  await rotate(next, 0)
  expect(toldOf(gateway)).toEqual([id, next])
})

test('who has only the database waits until every lease has run out, or begun anew', async () => {
  const [gone, back] = [newGateway(), newGateway()]
  await Promise.all([renew(gone), renew(back)])
  const done = letLeasesRunOut(drizzle(bench.sql))
  expect(await isPending(done, 400)).toBe(true)
  expect(await renew(gone)).toBeNull()
  await runOut(back)
  expect(await renew(back)).not.toBeNull()
  expect(await isPending(done, 400)).toBe(true)
  await runOut(gone)
  await done
  expect([gone.orders, back.orders]).toEqual([[], []])
})

test('answers say how long they may be used: a minute, or until the credential ends', async () => {
  const { id, token, session } = await somebodyWithKey()
  const ask = () => bench.ask(resolvePat, { tokenHash: sha256Hex(token) })
  expect(await ask()).toMatchObject({ usableForMs: 60_000 })
  await bench.sql`update identity.user_api_keys set expires_at = now() + interval '5 seconds' where id = ${id}`
  const { usableForMs = 0 } = (await ask()) as { usableForMs?: number }
  expect(usableForMs).toBeWithin(1, 5_001)
  const tokenHash = sha256Hex(session)
  expect(await bench.ask(resolveSession, { tokenHash })).toMatchObject({ usableForMs: 60_000 })
  await bench.sql`update identity.sessions set rotated_at = now() - interval '25 hours'`
  const replaced = await bench.ask(resolveSession, { tokenHash })
  expect(replaced).toHaveProperty('replacementCookie', expect.any(String))
  expect(replaced).not.toHaveProperty('usableForMs')
})
