/** What becomes of the promise, and of the callers, while parts of the product are away (docs/guarantees.md). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, call, send, signUpWithToken } from '../system/accounts.ts'
import { askingOf, REFUSED, WELCOME } from './asking.ts'
import { type Fleet, insertTokens, startFleet } from './fleet.ts'

setDefaultTimeout(180_000)

/** Sooner than any lease runs out that was waited for: then nobody was waited for. */
const AT_ONCE_MS = 3_500

let fleet: Fleet
let owner: Account
let asking: ReturnType<typeof askingOf>
beforeAll(async () => {
  fleet = await startFleet()
  asking = askingOf(fleet)
  owner = await signUpWithToken(asking.at(0))
}, 120_000)
afterAll(() => fleet.stop())

async function newToken(): Promise<{ id: string; token: string }> {
  const [made] = await insertTokens(fleet, owner.userId, 1)
  if (!made) throw new Error('no token')
  return made
}

/** At the first gateway; resolves with how long the answer took. */
async function revoke(id: string): Promise<number> {
  const startedAt = performance.now()
  const as = { cookie: owner.cookie }
  await call(asking.at(0), 'DELETE', `/api/settings/api-keys/${id}`, { as })
  return performance.now() - startedAt
}

test('a gateway that stands still is waited for, and refuses when it goes on', async () => {
  const { statusAt, statuses } = asking
  const { id, token } = await newToken()
  await fleet.leased()
  expect(await statuses({ token })).toEqual(WELCOME)
  const frozen = fleet.gateways[2]?.child
  frozen?.kill('SIGSTOP')
  const tookMs = await revoke(id)
  frozen?.kill('SIGCONT')
  // Its lease was good for at least 5 s when it froze, and nobody is waited for much longer than that.
  expect(tookMs).toBeWithin(2_000, 12_000)
  expect(await statuses({ token })).toEqual(REFUSED)
  // It comes back by itself.
  await fleet.leased()
  const next = await newToken()
  expect(await statuses({ token: next.token })).toEqual(WELCOME)
  expect(await revoke(next.id)).toBeLessThan(AT_ONCE_MS)
  expect(await statusAt(2, { token: next.token })).toBe(401)
})

test('without NATS revocations are late, never untrue; later ones are not even late', async () => {
  const { statuses } = asking
  const [first, second] = [await newToken(), await newToken()]
  await fleet.leased()
  expect(await statuses({ token: first.token })).toEqual(WELCOME)
  expect(await statuses({ token: second.token })).toEqual(WELCOME)
  await fleet.nats.stop()
  expect(await revoke(first.id)).toBeLessThan(12_000)
  expect(await statuses({ token: first.token })).toEqual(REFUSED)
  // No leases are left, and none is given: everybody is looked up, by HTTP.
  expect(await statuses({ token: second.token })).toEqual(WELCOME)
  expect(await revoke(second.id)).toBeLessThan(AT_ONCE_MS)
  expect(await statuses({ token: second.token })).toEqual(REFUSED)
  await fleet.nats.start({ wipeStore: true })
  await fleet.leased()
})

test('while identity is away known callers go on for as long as the lease holds, and nobody is called unknown', async () => {
  const { at, statuses } = asking
  const [known, unknown] = [await newToken(), await newToken()]
  await fleet.leased()
  expect(await statuses({ token: known.token })).toEqual(WELCOME)
  for (const { child } of fleet.identities) child.kill('SIGKILL')
  expect(await statuses({ token: known.token })).toEqual(WELCOME)
  expect(await statuses({ token: unknown.token })).toEqual([503, 503, 503])
  const answers = new Set<number>()
  const isLost = async () => {
    const now = await statuses({ token: known.token })
    for (const status of now) answers.add(status)
    return now.every(status => status === 503)
  }
  expect(await waitUntil(isLost, { limitMs: 30_000, everyMs: 50 })).toBe(true)
  for (const status of answers) expect([200, 503]).toContain(status)
  const refused = await send(at(0), 'GET', '/api/repos', { as: known })
  expect(refused.headers.get('retry-after')).toBe('60')
  await fleet.restartIdentity()
  expect(await statuses({ token: known.token })).toEqual(WELCOME)
})

test('a gateway that ends in order keeps nobody waiting', async () => {
  const { statuses } = asking
  const { id, token } = await newToken()
  await fleet.leased()
  expect(await statuses({ token })).toEqual(WELCOME)
  const last = fleet.gateways.pop()
  last?.child.kill('SIGTERM')
  expect(await last?.child.exited).toBe(0)
  expect(await revoke(id)).toBeLessThan(AT_ONCE_MS)
  expect(await statuses({ token })).toEqual([401, 401])
})
