/**
 * Whatever people prove themselves with is written down nowhere in a form that could be used: not in the
 * database, not in messages, not in logs (issue 3, "It must hold", 8). What runs could tell is secrets.test.ts's.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { startHandOff } from '@mogplex/cli-hand-off'
import { startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import { call, OPEN_DOORS, send, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { type Secrets, secretsIn, secretsInDatabase, secretsInFiles } from './traces.ts'

setDefaultTimeout(60_000)

const github = startTestGithub()
let system: System
beforeAll(async () => {
  system = await startSystem({
    env: {
      ...OPEN_DOORS,
      LOG_LEVEL: 'debug',
      ...github.settings,
      ...{ CRON_SECRET, E2E_AUTH_SECRET: TEST_SECRET },
    },
  })
}, 60_000)
afterAll(async () => {
  await system.stop()
  await github.stop()
})

const CRON_SECRET = 'the-secret-of-the-scheduler'
const TEST_SECRET = 'the-secret-of-tests'
const EMAIL = 'ada@example.test'
const newPassword = () => `password-${crypto.randomUUID()}`
const cookieIn = (response: { headers: Headers }, name: string) =>
  response.headers
    .getSetCookie()
    .find(each => each.startsWith(name))
    ?.split(';')[0] ?? ''

/** A person uses every way there is; resolves with all that was a secret on the way. */
async function liveThroughEverything(): Promise<Secrets> {
  const [password, changed, guessed] = [newPassword(), newPassword(), newPassword()]
  const signedUp = await call(system, 'POST', '/api/auth/sign-up/email', { json: { email: EMAIL, password } })
  const as = { cookie: cookieIn(signedUp, 'mogplex_session') }
  await send(system, 'POST', '/api/auth/sign-in/email', { json: { email: EMAIL, password: guessed } })
  const passwords = { currentPassword: password, newPassword: changed }
  await call(system, 'POST', '/api/auth/password', { as, json: passwords })
  const signIn = { json: { email: EMAIL, password: changed } }
  const other = cookieIn(await call(system, 'POST', '/api/auth/sign-in/email', signIn), 'mogplex_session')

  const token = await call<{ id: string; token: string }>(system, 'POST', '/api/settings/api-keys', {
    ...{ as, json: { name: 'one' } },
  })
  const rotate = `/api/settings/api-keys/${token.body.id}/rotate`
  const rotated = await call<{ token: string }>(system, 'POST', rotate, { as, json: { overlapHours: 1 } })
  await send(system, 'GET', '/api/repos', { as: { token: rotated.body.token } })
  const providerKey = `sk-${crypto.randomUUID()}`
  await call(system, 'PUT', '/api/settings/keys', { as, json: { provider: 'openai', key: providerKey } })

  const handOff = await startHandOff({ serverUrl: system.baseUrl })
  const page = new URL(handOff.url)
  const headers = { accept: 'application/json' }
  const asked = await call<{ consent: string }>(system, 'GET', page.pathname + page.search, { as, headers })
  const { consent } = asked.body
  const handed = await call<{ token: string }>(system, 'POST', '/api/auth/cli/approve', {
    as,
    json: { consent },
  })
  handOff.close()

  const open = (path: string, cookie: string) =>
    fetch(system.baseUrl + path, { headers: { cookie }, redirect: 'manual' })
  const begun = await open('/api/auth/github', as.cookie)
  const state = cookieIn(begun, 'mogplex_oauth_state')
  const account = { id: 5, login: 'ada-gh', emails: [] }
  const back = github.visit(begun.headers.get('location') ?? '', account)
  const connected = await open(back.pathname + back.search, `${as.cookie}; ${state}`)
  expect(connected.headers.get('location')).toBe('/?github=connected')

  return {
    ...{ password, 'new password': changed, 'guessed password': guessed, 'provider key': providerKey },
    ...{ session: as.cookie.split('=')[1] ?? '', 'other session': other.split('=')[1] ?? '' },
    ...{ token: token.body.token, 'rotated token': rotated.body.token, 'handed token': handed.body.token },
    ...{ consent, nonce: page.searchParams.get('nonce') ?? '' },
    ...{ 'trip to GitHub': state.split('=')[1] ?? '', 'GitHub code': back.searchParams.get('code') ?? '' },
    'GitHub token': github.issued().at(-1) ?? '',
  }
}

/** The scheduler and a test come with their secret, somebody else with what may be another's; gives the latter. */
async function guess(): Promise<Secrets> {
  const { userId } = await signUpWithToken(system)
  const sync = (secret: string) => send(system, 'POST', '/api/cron/sync-models', { as: { token: secret } })
  const asTest = (secret: string) =>
    send(system, 'GET', '/api/repos', {
      headers: { 'x-mogplex-e2e-auth': secret, 'x-mogplex-e2e-user-id': userId },
    })
  // The secret is good, there is just no feed.
  expect((await sync(CRON_SECRET)).status).toBe(503)
  expect((await asTest(TEST_SECRET)).status).toBe(200)
  const guesses = {
    'guessed token': `mog_${crypto.randomUUID().replaceAll('-', '')}`,
    'guessed session': crypto.randomUUID().replaceAll('-', '').padEnd(43, 'x'),
    'guessed cron secret': `cron-${crypto.randomUUID()}`,
    'guessed test secret': `test-${crypto.randomUUID()}`,
  }
  const refusals = [
    await send(system, 'GET', '/api/repos', { as: { token: guesses['guessed token'] } }),
    await send(system, 'GET', '/api/repos', {
      as: { cookie: `mogplex_session=${guesses['guessed session']}` },
    }),
    await sync(guesses['guessed cron secret']),
    await asTest(guesses['guessed test secret']),
  ]
  expect(refusals.map(({ status }) => status)).toEqual([401, 401, 401, 401])
  return guesses
}

test('nothing that proves who somebody is can be read off the database, the messages or the logs', async () => {
  const secrets = await liveThroughEverything()
  expect(Object.entries(secrets).filter(([, value]) => value.length < 16)).toEqual([])
  const configured = {
    'client secret': github.settings.GITHUB_CLIENT_SECRET,
    ...{ 'cron secret': CRON_SECRET, 'test secret': TEST_SECRET },
  }
  const all = { ...secrets, ...configured, ...(await guess()) }
  expect(await secretsInDatabase(system, all)).toEqual([])
  // NATS keeps its messages in files below the home, and so do the logs; Postgres' own are looked at too.
  expect(secretsInFiles(system.home, all)).toEqual([])
  expect(secretsIn(system.output(), all, 'what the launcher prints')).toEqual([])
  // The search finds what is there.
  expect(await secretsInDatabase(system, { 'e-mail': EMAIL })).toContain('e-mail in table identity.users')
})
