/** Whatever ends a credential is known to every gateway once it is answered (docs/guarantees.md). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { openBus } from '@mogplex/kit/bus/connect.ts'
import { connectDatabase } from '@mogplex/kit/database/connect.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import {
  createGatewayLeases,
  letLeasesRunOut,
} from '../../services/identity/gateway-leases/gateway-leases.ts'
import { call, PASSWORD, signUpWithToken } from '../system/accounts.ts'
import { askingOf, OWN_PAGE, REFUSED, WELCOME } from './asking.ts'
import { type Fleet, insertTokens, startFleet } from './fleet.ts'

setDefaultTimeout(60_000)

let fleet: Fleet
let asking: ReturnType<typeof askingOf>
beforeAll(async () => {
  fleet = await startFleet()
  asking = askingOf(fleet)
}, 60_000)
afterAll(() => fleet.stop())

const ROUNDS = 10

/** What a process of identity has: its database, and NATS by its own login. */
async function openIdentity() {
  const log = createLog({ process: 'test', level: 'silent' })
  const { database, close } = await connectDatabase({
    ...{ url: fleet.identityDatabaseUrl, applicationName: 'test', log },
  })
  const bus = openBus({ url: fleet.identityNatsUrl, serviceName: 'identity', log })
  await new Promise<void>(resolve => bus.onConnect(() => resolve()))
  return { database, bus, close: async () => void (await Promise.all([bus.close(), close()])) }
}

test('sign-out, the end of another session, and a new password', async () => {
  const { at, signIn, statuses } = asking
  for (let round = 0; round < ROUNDS; round += 1) {
    const { email, cookie } = await signUpWithToken(at(round))
    const [out, deleted, other] = [await signIn(email), await signIn(email), await signIn(email)]
    for (const as of [out, deleted, other, { cookie }]) expect(await statuses(as)).toEqual(WELCOME)

    await call(at(round), 'POST', '/api/auth/sign-out', { as: out, headers: OWN_PAGE })
    expect(await statuses(out)).toEqual(REFUSED)

    const { body } = await call<{ sessions: { id: string; current: boolean }[] }>(
      ...([at(round), 'GET', '/api/auth/sessions', { as: deleted }] as const),
    )
    const id = body.sessions.find(({ current }) => current)?.id
    await call(at(round), 'DELETE', `/api/auth/sessions/${id}`, { as: { cookie }, headers: OWN_PAGE })
    expect(await statuses(deleted)).toEqual(REFUSED)

    const json = { currentPassword: PASSWORD, newPassword: `${PASSWORD} again` }
    await call(at(round), 'POST', '/api/auth/password', { as: { cookie }, json, headers: OWN_PAGE })
    expect(await statuses(other)).toEqual(REFUSED)
    // Its own session goes on, also with the token it had: requests may be under way.
    expect(await statuses({ cookie })).toEqual(WELCOME)
  }
})

test('an end in time, of a token that was in use until then', async () => {
  const { at, statuses } = asking
  const { userId } = await signUpWithToken(at(0))
  const end = Date.now() + 2_000
  const [made] = await insertTokens(fleet, userId, 1, new Date(end))
  const as = { token: made?.token ?? '' }
  const seen: number[] = []
  while (Date.now() < end - 200) seen.push(...(await statuses(as)))
  expect(new Set(seen)).toEqual(new Set([200]))
  await Bun.sleep(end - Date.now() + 1)
  expect(await statuses(as)).toEqual(REFUSED)
})

test('a disabled user, with every credential they have', async () => {
  const { at, signIn, statuses } = asking
  const { userId, email, cookie, token } = await signUpWithToken(at(0))
  const credentials = [{ cookie }, { token }, await signIn(email)]
  for (const as of credentials) expect(await statuses(as)).toEqual(WELCOME)
  const bystander = await signUpWithToken(at(1))
  expect(await statuses({ token: bystander.token })).toEqual(WELCOME)

  const { bus, database, close } = await openIdentity()
  const { dropAtGateways } = createGatewayLeases({ bus, database })
  await fleet.sql`update identity.users set disabled_at = now() where id = ${userId}`
  await dropAtGateways([userId])
  for (const as of credentials) expect(await statuses(as)).toEqual(REFUSED)
  expect(await statuses({ token: bystander.token })).toEqual(WELCOME)
  await close()
})

test('whatever a process ended that reaches the database alone', async () => {
  const { at, statuses } = asking
  const { userId, cookie, token } = await signUpWithToken(at(0))
  for (const as of [{ cookie }, { token }]) expect(await statuses(as)).toEqual(WELCOME)
  const { database, close } = await openIdentity()
  await fleet.sql`update identity.users set disabled_at = now() where id = ${userId}`
  await letLeasesRunOut(database)
  for (const as of [{ cookie }, { token }]) expect(await statuses(as)).toEqual(REFUSED)
  await close()
})

test('the sign of a theft ends the session, also for whoever holds the good token', async () => {
  const { at, statusAt, statuses } = asking
  const { userId, cookie } = await signUpWithToken(at(0))
  const stolen = 'x'.repeat(43)
  expect(await statuses({ cookie })).toEqual(WELCOME)
  await fleet.sql`update identity.sessions set previous_token_hash = ${sha256Hex(stolen)},
    previous_valid_until = now() - interval '1 second' where user_id = ${userId}`
  expect(await statuses({ cookie })).toEqual(WELCOME)
  expect(await statusAt(2, { cookie: `mogplex_session=${stolen}` })).toBe(401)
  expect(await statuses({ cookie })).toEqual(REFUSED)
})

test('a token in the session cookie, or a session as a token, is nothing', async () => {
  const { at, statuses } = asking
  const { token, cookie } = await signUpWithToken(at(0))
  expect(await statuses({ token })).toEqual(WELCOME)
  expect(await statuses({ cookie })).toEqual(WELCOME)
  expect(await statuses({ cookie: `mogplex_session=${token}` })).toEqual(REFUSED)
})
