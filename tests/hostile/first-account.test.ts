/** Strangers who try to have an instance by making its first account. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type GithubAccount, startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import { OPEN_DOORS, PASSWORD } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { openStorage } from '../system/stored.ts'
import { type RawRequest, sendRaw } from './raw-request.ts'

setDefaultTimeout(60_000)

const github = startTestGithub()
const SIGN_UP = '/api/auth/sign-up/email'
const { AUTH_SIGNUP: _, RATE_LIMIT_SIGNUP: __, ...LIMITS_OFF } = OPEN_DOORS
const SETTINGS = { ...LIMITS_OFF, ...github.settings, TRUSTED_PROXIES: '127.0.0.1', LOG_LEVEL: 'debug' }

let system: System
let code: string
let people = 0
/** Each attempt comes from another address, so that only the guesses of one meet its limit. */
const elsewhere = () => `203.0.113.${(people % 250) + 1}`

function account(): Record<string, string> {
  people += 1
  return { email: `stranger-${people}@example.test`, password: PASSWORD }
}

/** An attempt from somewhere else, unless it says otherwise. */
function attempt(more: object, { headers, ...request }: RawRequest = {}, path = SIGN_UP) {
  const json = { ...account(), ...more }
  const from = { 'x-forwarded-for': elsewhere() }
  return sendRaw(system.port, path, { method: 'POST', json, headers: headers ?? from, ...request })
}

async function usersOf(instance: System): Promise<number> {
  const storage = await openStorage(instance)
  const [row] = await storage.query('select count(*)::int as n from identity.users')
  await storage.close()
  return Number(row?.n)
}

const refusal = { status: 403, body: { code: 'FORBIDDEN', field: 'signupCode' } }

/** By way of GitHub: the location and the cookies in the end. */
async function githubTrip(cookies: string[] = []) {
  people += 1
  const emails = [{ email: `gh-${people}@example.test`, primary: true, verified: true }]
  const stranger: GithubAccount = { id: 9_000 + people, login: `gh-${people}`, emails }
  const begun = await sendRaw(system.port, '/api/auth/login/github')
  const state = String(begun.headers['set-cookie']?.[0]).split(';')[0] ?? ''
  const back = github.visit(String(begun.headers.location), stranger)
  const headers = { cookie: [state, ...cookies].join('; ') }
  return sendRaw(system.port, back.pathname + back.search, { headers })
}

const sessionIn = (answer: Awaited<ReturnType<typeof sendRaw>>) =>
  answer.headers['set-cookie']?.some(cookie => /mogplex_session=[^;]/.test(cookie)) ?? false

afterAll(() => github.stop())

describe('an instance that everybody reaches', () => {
  beforeAll(async () => {
    system = await startSystem({ env: { ...SETTINGS, PUBLIC_BASE_URL: 'http://mogplex.test' } })
    code = /\/login#code=([\w-]+)/.exec(system.output())?.[1] ?? ''
  }, 60_000)
  // The next one begins where this ends: nobody has an account yet.
  afterAll(() => system.stop())

  test('the start prints a link with a code of at least 128 bits', () => {
    expect(system.output()).toContain(`http://mogplex.test/login#code=${code}`)
    expect(code).toMatch(/^[\w-]{22,}$/)
  })

  const wrong: [string, () => object][] = [
    ['no code', () => ({})],
    ['null', () => ({ signupCode: null })],
    ['an empty code', () => ({ signupCode: '' })],
    ['a code of nothing', () => ({ signupCode: 'A'.repeat(32) })],
    ['the code without its end', () => ({ signupCode: code.slice(0, -1) })],
    ['the code and more', () => ({ signupCode: `${code}A` })],
    [
      'the code in other letters',
      () => ({ signupCode: code.toUpperCase() === code ? code.toLowerCase() : code.toUpperCase() }),
    ],
    ['the code under other names', () => ({ code, signUpCode: code, AUTH_SIGNUP_CODE: code })],
  ]
  test.each(wrong)('a stranger tries to make the first account with %s', async (_what, more) => {
    expect(await attempt(more())).toMatchObject(refusal)
  })

  test('a stranger tries to make it with a code that is no text', async () => {
    for (const signupCode of [0, true, {}, [code]])
      expect(await attempt({ signupCode })).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } })
  })

  test('a stranger tries the code in the address', async () => {
    expect(await attempt({}, {}, `${SIGN_UP}?signupCode=${code}&code=${code}`)).toMatchObject(refusal)
  })

  test('a stranger tries the code in header fields and cookies', async () => {
    const headers = {
      ...{ 'x-forwarded-for': elsewhere(), 'x-signup-code': code, 'x-mogplex-signup-code': code },
      ...{ authorization: `Bearer ${code}`, cookie: `signupCode=${code}; mogplex_oauth_signup_code=${code}` },
    }
    expect(await attempt({}, { headers })).toMatchObject(refusal)
  })

  test('somebody on the machine itself tries without it, for the tunnel of a neighbour ends there as well', async () => {
    expect(await attempt({}, { headers: {} })).toMatchObject(refusal)
  })

  test('a stranger says of himself that he is on the machine', async () => {
    const headers = {
      'x-forwarded-for': elsewhere(),
      'x-mogplex-client-is-local': '1',
      'x-mogplex-client-ip': '127.0.0.1',
    }
    expect(await attempt({}, { headers })).toMatchObject(refusal)
  })

  test('a stranger comes by way of GitHub without the code', async () => {
    const answer = await githubTrip()
    expect([answer.headers.location, sessionIn(answer)]).toEqual(['/login?error=signup_code_needed', false])
  })

  test('a stranger comes by way of GitHub with another code', async () => {
    const answer = await githubTrip([`mogplex_oauth_signup_code=${'A'.repeat(32)}`])
    expect([answer.headers.location, sessionIn(answer)]).toEqual(['/login?error=signup_code_needed', false])
  })

  test('a stranger comes by way of GitHub with two codes, one of them right', async () => {
    const cookies = [`mogplex_oauth_signup_code=${code}`, 'mogplex_oauth_signup_code=x']
    expect((await githubTrip(cookies)).headers.location).toBe('/login?error=signup_code_needed')
  })

  test('a stranger guesses a hundred times, and is not heard any more when the hundred and first is right', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.7' }
    const guesses = Array.from({ length: 100 }, (_each, n) =>
      attempt({ signupCode: `${code.slice(0, 30)}${n}` }, { headers }),
    )
    const statuses = (await Promise.all(guesses)).map(({ status }) => status)
    expect([403, 429].map(status => statuses.filter(each => each === status).length)).toEqual([20, 80])
    const last = await attempt({ signupCode: code }, { headers })
    expect([last.status, Number(last.headers['retry-after']) > 0]).toEqual([429, true])
  })

  test('a stranger looks for the code in what is shown to everybody', async () => {
    const paths = [
      '/login',
      '/login?mode=sign-up',
      '/api/auth/providers',
      '/openapi.json',
      '/docs',
      '/assets/login.js',
    ]
    for (const path of paths) expect((await sendRaw(system.port, path)).text).not.toContain(code)
    const page = await sendRaw(system.port, '/login')
    expect(page.headers['referrer-policy']).toBe('no-referrer')
    expect(page.text).toContain('name="signupCode"')
  })

  test('another user of the machine looks for the code in the files', () => {
    expect(statSync(join(system.home, 'keys.json')).mode & 0o777).toBe(0o600)
    expect(statSync(system.home).mode & 0o777).toBe(0o700)
    const logs = join(system.home, 'logs')
    for (const name of readdirSync(logs)) expect(readFileSync(join(logs, name), 'utf8')).not.toContain(code)
  })

  test('nobody got in', async () => expect(await usersOf(system)).toBe(0))
})

describe('an instance for one machine', () => {
  beforeAll(async () => {
    system = await startSystem({ env: SETTINGS, home: system.home })
  }, 60_000)
  afterAll(() => system.stop())

  test('the code is the same after a new start', () => {
    expect(system.output()).toContain(`http://localhost:${system.port}/login#code=${code}`)
  })

  const disguises: [string, () => RawRequest][] = [
    ['through a proxy that is trusted', () => ({ headers: { 'x-forwarded-for': '203.0.113.9' } })],
    [
      'with an address of this machine before the own',
      () => ({ headers: { 'x-forwarded-for': '127.0.0.1, 203.0.113.9' } }),
    ],
    [
      'with an address of this machine behind the own',
      () => ({ headers: { 'x-forwarded-for': '203.0.113.9, 127.0.0.1' } }),
    ],
    ['with an address that is none', () => ({ headers: { 'x-forwarded-for': 'unknown' } })],
    [
      'through a proxy that is not trusted',
      () => ({ from: '127.0.0.2', headers: { 'x-forwarded-for': '127.0.0.1' } }),
    ],
    ['with Forwarded', () => ({ headers: { forwarded: 'for=127.0.0.1' } })],
    ['with X-Real-IP', () => ({ headers: { 'x-real-ip': '127.0.0.1' } })],
    ['with Via', () => ({ headers: { via: '1.1 proxy' } })],
    ['under a name of his own that leads here', () => ({ headers: { host: `evil.test:${system.port}` } })],
    [
      'under a name that begins like this machine’s',
      () => ({ headers: { host: `localhost.evil.test:${system.port}` } }),
    ],
  ]
  test.each(disguises)('a stranger comes %s', async (_how, request) => {
    expect(await attempt({}, request())).toMatchObject(refusal)
  })

  test('six who have the code make the first account at once, and one has it', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => attempt({ signupCode: code })))
    expect(all.map(({ status }) => status).toSorted()).toEqual([200, 403, 403, 403, 403, 403])
    expect(await usersOf(system)).toBe(1)
  })

  test('somebody comes with the code when it has been used', async () => {
    const late = await attempt({ signupCode: code })
    expect([late.status, late.body.field]).toEqual([403, undefined])
    const byGithub = await githubTrip([`mogplex_oauth_signup_code=${code}`])
    expect(byGithub.headers.location).toBe('/login?error=signup_closed')
    expect(await usersOf(system)).toBe(1)
  })

  test('afterwards the code is in no log and in no row', async () => {
    const logs = join(system.home, 'logs')
    for (const name of readdirSync(logs)) expect(readFileSync(join(logs, name), 'utf8')).not.toContain(code)
    const storage = await openStorage(system)
    const rows = await storage.query(
      `select (select json_agg(u)::text from identity.users u) as users,
        (select json_agg(o)::text from identity.outbox o) as outbox,
        (select json_agg(a)::text from identity.audit_entries a) as audit`,
    )
    await storage.close()
    expect(JSON.stringify(rows)).not.toContain(code)
  })
})
