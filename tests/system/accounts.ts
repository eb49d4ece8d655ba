/** People and their credentials, made the way a person makes them. Needs an instance with `OPEN_DOORS`. */
import { connectAsAdmin } from '@mogplex/kit/postgres-server/access.ts'
import type { System } from './launch.ts'

/** Settings under which a test may sign up and call as often as it likes. */
export const OPEN_DOORS = {
  AUTH_SIGNUP: 'open',
  RATE_LIMIT_PAT: '0',
  RATE_LIMIT_SESSION: '0',
  RATE_LIMIT_ANON: '0',
  RATE_LIMIT_AUTHFAIL: '0',
  RATE_LIMIT_SIGNUP: '0',
  RATE_LIMIT_SIGNIN_IP: '0',
  RATE_LIMIT_SIGNIN_EMAIL: '0',
}

export const PASSWORD = 'a long enough password'

type Scope = 'read' | 'write'

export interface Account {
  userId: string
  email: string
  /** The `cookie` header of a signed-in browser. */
  cookie: string
  /** A personal access token, `mog_…`, that may read and write. */
  token: string
}

/** How a request says who sends it; neither means nobody. */
export interface Credential {
  token?: string
  cookie?: string
  /** Any other way to say it. */
  headers?: Record<string, string>
}

export interface Answered<Body = Record<string, unknown>> {
  status: number
  headers: Headers
  body: Body
}

let people = 0

/**
 * A new account with a token; run-start budgets and sandbox slots are counted by user. On a whole instance it has
 * host access, for tests keep their repositories on this machine.
 */
export async function signUpWithToken(
  system: Pick<System, 'baseUrl'> & Partial<Pick<System, 'state'>>,
): Promise<Account> {
  people += 1
  const email = `person-${process.pid}-${people}@example.test`
  const json = { email, password: PASSWORD, name: `Person ${people}` }
  const { body, headers } = await call<{ user: { id: string } }>(system, 'POST', '/api/auth/sign-up/email', {
    json,
  })
  const cookie = (headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const account = { userId: body.user.id, email, cookie }
  if (system.state) await grantHostAccess({ state: system.state }, account)
  return { ...account, token: await makeToken(system, account) }
}

/** What `npm run admin -- user grant-host-access` does, without the seconds it takes to start. */
export async function grantHostAccess(
  { state }: Pick<System, 'state'>,
  { userId }: Pick<Account, 'userId'>,
): Promise<void> {
  const sql = connectAsAdmin(state().databaseUrl)
  await sql`update identity.users set host_access_granted_at = now() where id = ${userId}`
  await sql.end()
}

/** A further token of an account. */
export async function makeToken(
  system: Pick<System, 'baseUrl'>,
  { cookie }: Pick<Account, 'cookie'>,
  scopes: Scope[] = ['read', 'write'],
): Promise<string> {
  const json = { name: 'test', scopes }
  const as = { cookie }
  return (await call<{ token: string }>(system, 'POST', '/api/settings/api-keys', { as, json })).body.token
}

/** Stores the key that pays for a model provider, e.g. `openai`. */
export async function storeProviderKey(
  system: Pick<System, 'baseUrl'>,
  { cookie }: Pick<Account, 'cookie'>,
  provider: string,
  key: string,
): Promise<void> {
  await call(system, 'PUT', '/api/settings/keys', { as: { cookie }, json: { provider, key } })
}

interface Call {
  as?: Credential
  json?: unknown
  headers?: Record<string, string>
  /** Default: any 2xx; anything else throws with the body. */
  expectStatus?: number
}

/** One JSON request through the gateway. Throws unless the status is the expected one. */
export async function call<Body = Record<string, unknown>>(
  system: Pick<System, 'baseUrl'>,
  method: string,
  path: string,
  options: Call = {},
): Promise<Answered<Body>> {
  const { expectStatus } = options
  const response = await send(system, method, path, options)
  const text = await response.text()
  const isExpected = expectStatus === undefined ? response.ok : response.status === expectStatus
  if (!isExpected) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return { status: response.status, headers: response.headers, body: JSON.parse(text) }
}

/** The bare request, whatever is answered. */
export function send(
  { baseUrl }: Pick<System, 'baseUrl'>,
  method: string,
  path: string,
  { as = {}, json, headers = {} }: Call = {},
): Promise<Response> {
  return fetch(baseUrl + path, {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(30_000),
    headers: {
      ...(as.token ? { authorization: `Bearer ${as.token}` } : {}),
      ...(as.cookie ? { cookie: as.cookie } : {}),
      ...as.headers,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  })
}
