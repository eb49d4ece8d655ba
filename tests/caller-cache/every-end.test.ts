/** Whatever ends a credential is known to every gateway once it is answered (docs/guarantees.md). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { call, PASSWORD, signUpWithToken } from '../system/accounts.ts'
import { askingOf, OWN_PAGE, REFUSED, WELCOME } from './asking.ts'
import { type Fleet, insertTokens, startFleet } from './fleet.ts'

setDefaultTimeout(180_000)

let fleet: Fleet
let asking: ReturnType<typeof askingOf>
beforeAll(async () => {
  fleet = await startFleet()
  asking = askingOf(fleet)
}, 120_000)
afterAll(() => fleet.stop())

const ROUNDS = 10
const ADMIN = join(import.meta.dir, '../../services/identity/admin/main.ts')

/** The operator's command; resolves with its exit code. */
function admin(...args: string[]): Promise<number> {
  const env = { PATH: process.env.PATH, DATABASE_URL: fleet.identityDatabaseUrl }
  return Bun.spawn([process.execPath, ADMIN, ...args], { env, stdout: 'ignore', stderr: 'inherit' }).exited
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
  const end = Date.now() + 5_000
  const [made] = await insertTokens(fleet, userId, 1, new Date(end))
  const as = { token: made?.token ?? '' }
  const seen: number[] = []
  while (Date.now() < end - 200) {
    const now = await statuses(as)
    // What is answered later may have been looked at later.
    if (Date.now() < end) seen.push(...now)
  }
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
  expect(await admin('user', 'disable', userId)).toBe(0)
  for (const as of credentials) expect(await statuses(as)).toEqual(REFUSED)
  expect(await statuses({ token: bystander.token })).toEqual(WELCOME)
})

test('a password the operator has reset', async () => {
  const { at, statuses } = asking
  const { userId, cookie, token } = await signUpWithToken(at(0))
  expect(await statuses({ cookie })).toEqual(WELCOME)
  expect(await admin('user', 'reset-password', userId)).toBe(0)
  expect(await statuses({ cookie })).toEqual(REFUSED)
  expect(await statuses({ token })).toEqual(WELCOME)
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
