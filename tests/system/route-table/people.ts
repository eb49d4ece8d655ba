/** Two people of an instance and everything they could show at its door, good and bad (gateway spec 2). */
import { type Account, type Credential, call, makeToken, PASSWORD, signUpWithToken } from '../accounts.ts'
import type { System } from '../launch.ts'
import type { Storage } from '../stored.ts'

/** What a caller turns out to be, before the route is looked at. */
export interface Standing {
  mode: 'nobody' | 'bad token' | 'token' | 'session'
  /** Whose credential; whose ids the request names is always the owner. */
  who: 'owner' | 'stranger'
  scopes: ('read' | 'write')[]
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
  const as = (name: string, mode: Standing['mode'], credential: Credential, rest: Partial<Caller> = {}) => ({
    ...{ name, mode, credential, who: 'owner' as const, scopes: everything },
    ...rest,
  })
  const callers: Caller[] = [
    as('nobody', 'nobody', {}),
    as('a garbage cookie', 'nobody', { cookie: 'mogplex_session=garbage' }, { losesCookie: true }),
    as('an ended session', 'nobody', { cookie: signedOut }, { losesCookie: true }),
    as('a malformed token', 'bad token', { token: `${token}x` }),
    as('an unknown token', 'bad token', { token: UNKNOWN_TOKEN }),
    as('a revoked token', 'bad token', { token: revoked }),
    as('an expired token', 'bad token', { token: expired }),
    as('a bad token beside a good session', 'bad token', { token: UNKNOWN_TOKEN, cookie }),
    as('a read-only token', 'token', { token: readToken }, { scopes: ['read'] }),
    as('a write-only token', 'token', { token: writeToken }, { scopes: ['write'] }),
    as('a full token', 'token', { token }),
    as('a token beside a session', 'token', { token, cookie }),
    as('a read-only token beside a session', 'token', { token: readToken, cookie }, { scopes: ['read'] }),
    as("another user's token", 'token', { token: stranger.token }, { who: 'stranger' }),
    as('a session', 'session', { cookie }),
    as("another user's session", 'session', { cookie: stranger.cookie }, { who: 'stranger' }),
  ]
  return { owner, stranger, callers }
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
