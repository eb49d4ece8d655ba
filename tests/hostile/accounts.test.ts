/** Strangers, and neighbours with an account, who try to get into somebody's account or to keep its owner out. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { hkdfSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { type Answered, call, OPEN_DOORS, PASSWORD } from '../system/accounts.ts'
import { runAdmin } from '../system/admin-command.ts'
import { type System, startSystem } from '../system/launch.ts'
import { openStorage } from '../system/stored.ts'
import { type RawAnswer, sendRaw } from './raw-request.ts'
import { cookiesIn, createStrangers, newAddress, type Person } from './strangers.ts'

setDefaultTimeout(60_000)

const { RATE_LIMIT_SIGNIN_EMAIL: _, ...doors } = OPEN_DOORS
const LISTED = 'boss@corp.test'
/** The default of RATE_LIMIT_SIGNIN_EMAIL. */
const GUESSES = 5

let system: System
const { post, signUp, signIn } = createStrangers(() => system.port)

beforeAll(async () => {
  const access = {
    ...{ PLATFORM_ACCESS_DEFAULT: 'none', PLATFORM_ACCESS_EMAILS: `${LISTED},kim@kin.test` },
    PLATFORM_ACCESS_EMAIL_DOMAINS: 'corp.test',
  }
  system = await startSystem({ env: { ...doors, ...access, TRUSTED_PROXIES: '127.0.0.1' } })
}, 60_000)
afterAll(() => system.stop())

/** What the browser is known by, and not its session. */
const knownBy = ({ cookies: { mogplex_device = '' } }: Person) => ({ cookies: { mogplex_device } })

/** Strangers everywhere use up the address's budget. */
async function lockOut(email: string): Promise<void> {
  for (let guess = 0; guess < GUESSES; guess += 1)
    expect((await signIn(email, `guess number ${guess}`)).status).toBe(401)
  const locked = await signIn(email, PASSWORD)
  expect([locked.status, Number(locked.headers['retry-after']) > 0]).toEqual([429, true])
}

describe('addresses that were only typed', () => {
  const accessOf = async ({ cookies: { mogplex_session } }: Person) => {
    const as = { cookie: `mogplex_session=${mogplex_session}` }
    const { body }: Answered<{ user: { platform_access: object } }> = await call(
      system,
      'GET',
      '/api/auth/user',
      { as },
    )
    return body.user.platform_access
  }
  const NONE = { allowPlatformAi: false, allowPlatformSandbox: false }
  const ALL = { allowPlatformAi: true, allowPlatformSandbox: true }
  let boss: Person

  test('a stranger signs up with a listed address', async () => {
    boss = await signUp(LISTED)
    expect(await accessOf(boss)).toEqual(NONE)
  })

  test.each([
    ['any of a listed domain', 'mallory@corp.test'],
    ['one in capital letters', 'MALLORY2@CORP.TEST'],
    ['one with a tag', 'boss+1@corp.test'],
    ['one with the sign for kelvin', '\u212aim@\u212ain.test'],
    ['one with a letter of another alphabet', 'b\u043ess@corp.test'],
    ['one with a dotless i', 'k\u0131m@kin.test'],
    ['one in full width', 'ｂｏｓｓ@corp.test'],
    ['one below a listed domain', 'boss@corp.test.evil.test'],
  ])('a stranger signs up with %s', async (_what, email) => {
    expect(await accessOf(await signUp(email))).toEqual(NONE)
  })

  test.each([
    ['with a second @', 'boss@corp.test@evil.test'],
    ['with a line end', 'boss@corp.test\nx'],
    ['with a NUL', 'boss@corp.test\0'],
    ['that is taken, in other letters', ' BOSS@Corp.Test '],
  ])('a stranger signs up with a listed address %s', async (_how, email) => {
    const { status } = await post('/api/auth/sign-up/email', { email, password: PASSWORD })
    expect([400, 409]).toContain(status)
  })

  test('the operator vouches for one address, and it is no proof of the next', async () => {
    expect((await runAdmin(system.home, 'user', 'verify-email', LISTED)).code).toBe(0)
    expect(await accessOf(boss)).toEqual(ALL)
    const storage = await openStorage(system)
    await storage.query(`update identity.users set email = 'other@corp.test' where email = $1`, [LISTED])
    await storage.close()
    expect(await accessOf(boss)).toEqual(NONE)
  })
})

describe('sprays', () => {
  /** How many of the spray were still unanswered when the real one was. */
  async function during(size: number, spray: () => Promise<RawAnswer>, real: () => Promise<RawAnswer>) {
    let open = 0
    const count = async (sent: Promise<RawAnswer>) => {
      open += 1
      const { status } = await sent
      open -= 1
      return status
    }
    const all = Array.from({ length: size }, () => count(spray()))
    await Promise.race(all)
    const answer = await real()
    const left = open
    return { status: answer.status, left, statuses: new Set(await Promise.all(all)) }
  }

  test('sign-ups from hundreds of addresses try to keep somebody from signing in', async () => {
    const ada = await signUp()
    const json = () => ({ email: `spray-${newAddress()}@example.test`, password: PASSWORD })
    const result = await during(
      130,
      () => post('/api/auth/sign-up/email', json()),
      () => signIn(ada.email, PASSWORD),
    )
    expect([result.status, result.left > 20]).toEqual([200, true])
    // Those for whom there is no place are told so at once.
    expect([...result.statuses].toSorted()).toEqual([200, 503])
  })

  test('sign-ins from hundreds of addresses try to keep a known browser out', async () => {
    const ada = await signUp()
    const result = await during(
      60,
      () => signIn(`nobody-${newAddress()}@example.test`, 'a guess at nothing'),
      () => signIn(ada.email, PASSWORD, knownBy(ada)),
    )
    expect([result.status, result.left > 20]).toEqual([200, true])
  })

  test('one address with hundreds of sign-ins tries to keep another address out', async () => {
    const ada = await signUp()
    const address = newAddress()
    const result = await during(
      60,
      () => signIn(`nobody-${newAddress()}@example.test`, 'a guess at nothing', { address }),
      () => signIn(ada.email, PASSWORD),
    )
    expect([result.status, result.left > 20]).toEqual([200, true])
  })
})

describe('lock-outs', () => {
  test('strangers lock an address out, and the browser that is known gets in', async () => {
    const ada = await signUp()
    await lockOut(ada.email)
    expect((await signIn(ada.email, PASSWORD, knownBy(ada))).status).toBe(200)
    expect((await signIn(ada.email, PASSWORD)).status).toBe(429)
  })

  test('a thief of the cookie guesses as often as anybody, and locks nobody else out', async () => {
    const ada = await signUp()
    const stolen = knownBy(ada)
    for (let guess = 0; guess < GUESSES; guess += 1)
      expect(
        (await signIn(ada.email, `guess number ${guess}`, { ...stolen, address: newAddress() })).status,
      ).toBe(401)
    expect((await signIn(ada.email, PASSWORD, stolen)).status).toBe(429)
    expect((await signIn(ada.email, PASSWORD)).status).toBe(200)
  })

  test('a thief of the cookie guesses twenty times at once', async () => {
    const ada = await signUp()
    const all = Array.from({ length: 20 }, (_each, n) => signIn(ada.email, `guess ${n}`, knownBy(ada)))
    const statuses = (await Promise.all(all)).map(({ status }) => status)
    expect(statuses.filter(status => status === 401)).toHaveLength(GUESSES)
  })

  const forgeries: [string, (person: Person, other: Person) => string | Promise<string>][] = [
    ['of somebody else', (_ada, other) => other.cookies.mogplex_device ?? ''],
    ['without a signature', ({ cookies }) => `${cookies.mogplex_device?.split('.').slice(0, 2).join('.')}.`],
    [
      'that says it needs none',
      ({ cookies }) => {
        const header = Buffer.from('{"alg":"none"}').toString('base64url')
        return `${header}.${cookies.mogplex_device?.split('.')[1]}.`
      },
    ],
    [
      'with the owner’s name and another’s signature',
      ({ cookies }, other) => {
        const [header, payload] = cookies.mogplex_device?.split('.') ?? []
        return `${header}.${payload}.${other.cookies.mogplex_device?.split('.')[2]}`
      },
    ],
    [
      'signed with a key of his own',
      async ({ cookies }) => {
        const payload = JSON.parse(
          Buffer.from(cookies.mogplex_device?.split('.')[1] ?? '', 'base64url').toString(),
        )
        const key = new Uint8Array(hkdfSync('sha256', 'a guess', '', 'mogplex-device', 32))
        return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(key)
      },
    ],
    ['that is a session', ({ cookies }) => cookies.mogplex_session ?? ''],
    ['that never ends', () => 'a.b.c'.padEnd(4_000, 'c')],
  ]
  test.each(forgeries)('a stranger shows a cookie %s, and counts as a stranger', async (_what, forge) => {
    const [ada, other] = [await signUp(), await signUp()]
    await lockOut(ada.email)
    const mogplex_device = await forge(ada, other)
    expect((await signIn(ada.email, PASSWORD, { cookies: { mogplex_device } })).status).toBe(429)
  })

  test('a thief shows the cookie after the owner has a new password', async () => {
    const ada = await signUp()
    const json = { currentPassword: PASSWORD, newPassword: 'an entirely new one' }
    const changed = await post('/api/auth/password', json, ada)
    expect(changed.status).toBe(200)
    await lockOut(ada.email)
    expect((await signIn(ada.email, json.newPassword, knownBy(ada))).status).toBe(429)
    const browser = { ...ada, cookies: cookiesIn(changed) }
    expect((await signIn(ada.email, json.newPassword, knownBy(browser))).status).toBe(200)
  })

  test('a thief shows the cookie in place of a session', async () => {
    const { cookies } = await signUp()
    const cookie = `mogplex_session=${cookies.mogplex_device}; mogplex_device=${cookies.mogplex_device}`
    expect((await sendRaw(system.port, '/api/settings', { headers: { cookie } })).status).toBe(401)
  })
})

describe('the current password', () => {
  const change = (by: Person, currentPassword: string) =>
    post('/api/auth/password', { currentPassword, newPassword: 'an entirely new one' }, by)

  test('a thief of a session guesses it; the owner, elsewhere, is told and not locked out', async () => {
    const thief = await signUp()
    const owner = { ...thief, cookies: cookiesIn(await signIn(thief.email, PASSWORD)) }
    for (let guess = 0; guess < GUESSES; guess += 1)
      expect((await change({ ...thief, address: newAddress() }, `guess number ${guess}`)).status).toBe(403)
    const refused = await change(thief, PASSWORD)
    expect([refused.status, Number(refused.headers['retry-after']) > 0]).toEqual([429, true])
    const cookie = `mogplex_session=${owner.cookies.mogplex_session}`
    const trail = await sendRaw(system.port, '/api/settings/audit', { headers: { cookie } })
    expect(trail.text.split('user.password-refused')).toHaveLength(GUESSES + 1)
    expect((await change(owner, PASSWORD)).status).toBe(200)
  })

  test('a thief guesses it twenty times at once', async () => {
    const thief = await signUp()
    const all = Array.from({ length: 20 }, (_each, n) => change(thief, `guess ${n}`))
    const statuses = (await Promise.all(all)).map(({ status }) => status)
    expect(statuses.filter(status => status === 403)).toHaveLength(GUESSES)
    expect(statuses.filter(status => status === 429)).toHaveLength(20 - GUESSES)
  })

  test('a thief leaves it out', async () => {
    const thief = await signUp()
    expect((await post('/api/auth/password', { newPassword: 'an entirely new one' }, thief)).status).toBe(403)
  })
})
