/** Statements about who calls, made up, stolen or guessed, brought to the front door. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { IDENTITY_HEADER } from '@mogplex/proto/caller.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { sendRaw } from '../../gateway/test-bench/raw-http.ts'
import { type Account, call, OPEN_DOORS, send, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'

setDefaultTimeout(120_000)

const CRON_SECRET = 'a secret of a scheduler'

let system: System
let ada: Account
let eve: Account
let workspace: string
let keys: Record<string, JWK>
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, CRON_SECRET } })
  ada = await signUpWithToken(system)
  eve = await signUpWithToken(system)
  const json = { name: 'Of Ada alone' }
  workspace = (await call<{ id: string }>(system, 'POST', '/api/workspaces', { as: ada, json })).body.id
  keys = JSON.parse(readFileSync(join(system.home, 'keys.json'), 'utf8')).signingKeys
})
afterAll(() => system.stop())

const now = () => Math.floor(Date.now() / 1_000)
const claims = () => ({
  ...{ iss: GATEWAY_ISSUER, aud: 'projects', sub: ada.userId, amr: 'session', scp: ['read', 'write'] },
  ...{ iat: now(), exp: now() + 60, jti: crypto.randomUUID() },
})

async function sign(name: string, header: Record<string, unknown> = {}): Promise<string> {
  const jwk = keys[name]
  if (!jwk) throw new Error(`no key of ${name}`)
  const key = header.alg === 'HS256' ? new TextEncoder().encode(jwk.x) : await importJWK(jwk, 'EdDSA')
  return new SignJWT(claims()).setProtectedHeader({ alg: 'EdDSA', kid: jwk.kid ?? '', ...header }).sign(key)
}

test.each([
  ['with the gateway’s own key', () => sign('gateway')],
  ['with a service’s key', () => sign('runtime')],
  ['with the public key as a secret', () => sign('gateway', { alg: 'HS256' })],
  ['with a key named by a path', () => sign('gateway', { kid: '../../keys.json' })],
  [
    'with a key that it brings along',
    () => sign('gateway', { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' } }),
  ],
  ['with a key at an address', () => sign('gateway', { jku: 'http://127.0.0.1:1/keys' })],
  ['with none', async () => new UnsecuredJWT(claims()).encode()],
])('Eve signs that she is Ada, %s', async (_, statement) => {
  const headers = { [IDENTITY_HEADER]: await statement() }
  expect((await send(system, 'GET', '/api/workspaces', { headers })).status).toBe(401)
  const as = { token: eve.token }
  const { body } = await call(system, 'GET', '/api/workspaces', { as, headers })
  expect(JSON.stringify(body)).not.toContain(workspace)
  const bearer = { headers: { authorization: `Bearer ${headers[IDENTITY_HEADER]}` } }
  expect((await send(system, 'GET', '/api/workspaces', { as: bearer })).status).toBe(401)
  const cookie = `mogplex_session=${headers[IDENTITY_HEADER]}`
  expect((await send(system, 'GET', '/api/workspaces', { as: { cookie } })).status).toBe(401)
})

test.each([
  ['', ''],
  ['undefined', 'undefined'],
  ['null', 'null'],
  ['*', '*'],
])('Eve turns on test mode with the secret %j', async secret => {
  const headers = { 'x-mogplex-e2e-auth': secret, 'x-mogplex-e2e-user-id': ada.userId }
  expect((await send(system, 'GET', '/api/workspaces', { headers })).status).toBe(401)
  expect((await send(system, 'POST', '/api/test/reset', { headers })).status).toBe(404)
})

test.each([
  ['nothing', {}],
  ['an empty secret', { authorization: 'Bearer ' }],
  ['the beginning of the secret', { authorization: `Bearer ${CRON_SECRET.slice(0, -1)}` }],
  ['more than the secret', { authorization: `Bearer ${CRON_SECRET}x` }],
  ['the secret in capitals', { authorization: `Bearer ${CRON_SECRET.toUpperCase()}` }],
  ['the secret by itself', { authorization: CRON_SECRET }],
  ['the secret as a password', { authorization: `Basic ${btoa(`cron:${CRON_SECRET}`)}` }],
  ['the secret in another field', { 'x-cron-secret': CRON_SECRET }],
  ['the secret as a session', { cookie: `mogplex_session=${CRON_SECRET}` }],
])('somebody calls what schedulers call with %s', async (_, headers: Record<string, string>) => {
  for (const path of [
    '/api/cron/sync-models',
    '/api/cron/anything',
    `/api/cron/sync-models?secret=${CRON_SECRET}`,
  ])
    expect((await send(system, 'POST', path, { headers })).status).toBe(401)
})

test.each([
  ['cut short', (token: string) => token.slice(0, -1)],
  ['with one letter changed', (token: string) => token.slice(0, -1) + (token.endsWith('a') ? 'b' : 'a')],
  ['in capitals', (token: string) => token.toUpperCase()],
  ['with something behind it', (token: string) => `${token} x`],
  ['with a comma and another', (token: string) => `${token},${token}`],
  ['escaped', (token: string) => encodeURIComponent(token).replace('_', '%5F')],
  ['without its prefix', (token: string) => token.slice(4)],
  ['in quotation marks', (token: string) => `"${token}"`],
])('a token is brought %s', async (_, change) => {
  const as = { token: change(ada.token) }
  // A list is no credential at all.
  expect((await send(system, 'GET', '/api/workspaces', { as })).status).toBe(
    change('').includes(',') ? 400 : 401,
  )
})

test.each([
  ['the query', (token: string) => ({ path: `/api/workspaces?access_token=${token}`, headers: {} })],
  [
    'a cookie',
    (token: string) => ({ path: '/api/workspaces', headers: { cookie: `mogplex_session=${token}` } }),
  ],
  ['a field of its own', (token: string) => ({ path: '/api/workspaces', headers: { 'x-api-key': token } })],
  [
    'a password',
    (token: string) => ({
      path: '/api/workspaces',
      headers: { authorization: `Basic ${btoa(`x:${token}`)}` },
    }),
  ],
])('a token is brought in %s, where none belongs', async (_, make) => {
  const { path, headers } = make(ada.token)
  expect((await send(system, 'GET', path, { headers })).status).toBe(401)
})

test('two tokens are brought at once', async () => {
  const lines = [eve, ada].map(({ token }) => `Authorization: Bearer ${token}\r\n`).join('')
  const answer = await sendRaw(system.port, `GET /api/workspaces HTTP/1.1\r\nHost: h\r\n${lines}\r\n`)
  expect(answer.status).toBe(400)
})

test.each([
  ['cut short', (cookie: string) => cookie.slice(0, -1)],
  ['with another name', (cookie: string) => cookie.replace('mogplex_session', 'Mogplex_Session')],
  ['with the name of a safer one', (cookie: string) => `__Host-${cookie}`],
  ['with something behind it', (cookie: string) => `${cookie}x`],
])('a session is brought %s', async (_, change) => {
  const as = { cookie: change(ada.cookie) }
  expect((await send(system, 'GET', '/api/workspaces', { as })).status).toBe(401)
})
