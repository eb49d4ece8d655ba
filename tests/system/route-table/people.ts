/** Two people of an instance and everything they could show at its door, good and bad (gateway spec 2). */
import { type Account, type Credential, call, makeToken, PASSWORD, signUpWithToken } from '../accounts.ts'
import type { System } from '../launch.ts'
import type { Storage } from '../stored.ts'

/** What a caller turns out to be, before the route is looked at. */
export interface Standing {
  mode: 'nobody' | 'bad credential' | 'token' | 'test' | 'session'
  /** Whose credential; whose ids the request names is always the owner. */
  who: 'owner' | 'stranger'
  scopes: ('read' | 'write')[]
  /** Whether the scheduler's secret is shown, which counts nowhere but on cron routes. */
  opensCron?: true
  /** Whether the answer takes the cookie away where cookies count. */
  losesCookie?: true
}

export interface Caller extends Standing {
  name: string
  credential: Credential
}

export interface People {
  owner: Account
  stranger: Account
  callers: Caller[]
}

/** The secrets of the instance, see {@link SECRETS}. */
const TEST_SECRET = 'known to these tests'
const CRON_SECRET = 'known to a scheduler'

/** Settings under which all these callers exist. */
export const SECRETS = { E2E_AUTH_SECRET: TEST_SECRET, CRON_SECRET }

type MakeCaller = (
  name: string,
  mode: Standing['mode'],
  credential: Credential,
  rest?: Partial<Caller>,
) => Caller

const UNKNOWN_TOKEN = `mog_${'0aZ9'.repeat(8)}`

/** Signs two people up and collects their credentials. */
export async function gatherPeople(system: System, storage: Storage): Promise<People> {
  const owner = await signUpWithToken(system)
  const stranger = await signUpWithToken(system)
  const [readToken, writeToken, revoked, expired, signedOut] = await Promise.all([
    makeToken(system, owner, ['read']),
    makeToken(system, owner, ['write']),
    revokedToken(system, owner),
    expiredToken(system, owner, storage),
    endedSession(system, owner),
  ])
  const { token, cookie } = owner
  const everything: Standing['scopes'] = ['read', 'write']
  const as: MakeCaller = (name, mode, credential, rest = {}) => ({
    ...{ name, mode, credential, who: 'owner' as const, scopes: everything },
    ...rest,
  })
  const callers: Caller[] = [
    as('nobody', 'nobody', {}),
    as('a garbage cookie', 'nobody', { cookie: 'mogplex_session=garbage' }, { losesCookie: true }),
    as('an ended session', 'nobody', { cookie: signedOut }, { losesCookie: true }),
    as('a malformed token', 'bad credential', { token: `${token}x` }),
    as('an unknown token', 'bad credential', { token: UNKNOWN_TOKEN }),
    as('a revoked token', 'bad credential', { token: revoked }),
    as('an expired token', 'bad credential', { token: expired }),
    as('a bad token beside a good session', 'bad credential', { token: UNKNOWN_TOKEN, cookie }),
    as('a read-only token', 'token', { token: readToken }, { scopes: ['read'] }),
    as('a write-only token', 'token', { token: writeToken }, { scopes: ['write'] }),
    as('a full token', 'token', { token }),
    as('a token beside a session', 'token', { token, cookie }),
    as('a read-only token beside a session', 'token', { token: readToken, cookie }, { scopes: ['read'] }),
    as("another user's token", 'token', { token: stranger.token }, { who: 'stranger' }),
    as('a session', 'session', { cookie }),
    as("another user's session", 'session', { cookie: stranger.cookie }, { who: 'stranger' }),
    as('the cron secret', 'nobody', { token: CRON_SECRET }, { opensCron: true }),
    as('the cron secret beside a session', 'session', { token: CRON_SECRET, cookie }, { opensCron: true }),
    // Last, since a change of password ends all sessions but the caller's, and these have none.
    ...testers(owner, stranger, readToken, as),
  ]
  return { owner, stranger, callers }
}

/** Those with test headers, alone and beside other credentials: the first that is present decides. */
function testers(owner: Account, stranger: Account, readToken: string, as: MakeCaller): Caller[] {
  const { token, cookie, userId } = owner
  const headers = testHeaders(userId)
  const wrong = testHeaders(userId, `${TEST_SECRET}x`)
  const ofNobody = testHeaders(crypto.randomUUID())
  return [
    as('test headers', 'test', { headers }),
    as("another user's test headers", 'test', { headers: testHeaders(stranger.userId) }, { who: 'stranger' }),
    as('test headers beside a garbage cookie', 'test', { headers, cookie: 'mogplex_session=garbage' }),
    as("test headers beside another user's session", 'test', { headers, cookie: stranger.cookie }),
    as('a wrong test secret', 'bad credential', { headers: wrong }),
    as('a wrong test secret beside a good session', 'bad credential', { headers: wrong, cookie }),
    as('test headers of nobody beside a good session', 'bad credential', { headers: ofNobody, cookie }),
    as('a bad token beside test headers', 'bad credential', { token: UNKNOWN_TOKEN, headers }),
    as('a token beside a wrong test secret', 'token', { token, headers: wrong }),
    as('a read-only token beside test headers', 'token', { token: readToken, headers }, { scopes: ['read'] }),
    as('a user id without the test secret', 'nobody', { headers: { 'x-mogplex-e2e-user-id': userId } }),
  ]
}

function testHeaders(userId: string, secret = TEST_SECRET): Record<string, string> {
  return { 'x-mogplex-e2e-auth': secret, 'x-mogplex-e2e-user-id': userId }
}

async function revokedToken(system: System, { cookie }: Account): Promise<string> {
  const as = { cookie }
  const json = { name: 'revoked' }
  const { body } = await call<{ id: string; token: string }>(system, 'POST', '/api/settings/api-keys', {
    as,
    json,
  })
  await call(system, 'DELETE', `/api/settings/api-keys/${body.id}`, { as })
  return body.token
}

/** A day is the shortest life a token can be given; the database lets it pass. */
async function expiredToken(system: System, { cookie }: Account, storage: Storage): Promise<string> {
  const json = { name: 'expired', expiresInDays: 1 }
  const { body } = await call<{ id: string; token: string }>(system, 'POST', '/api/settings/api-keys', {
    as: { cookie },
    json,
  })
  await storage.query(
    `update identity.user_api_keys set expires_at = now() - interval '1 second' where id = $1`,
    [body.id],
  )
  return body.token
}

async function endedSession(system: System, account: Account): Promise<string> {
  const cookie = await signIn(system, account)
  await call(system, 'POST', '/api/auth/sign-out', { as: { cookie }, json: {} })
  return cookie
}

/** The cookie of one more session of the account. */
export async function signIn(system: System, { email }: Pick<Account, 'email'>): Promise<string> {
  const json = { email, password: PASSWORD }
  const { headers } = await call(system, 'POST', '/api/auth/sign-in/email', { json })
  return (headers.get('set-cookie') ?? '').split(';')[0] ?? ''
}
