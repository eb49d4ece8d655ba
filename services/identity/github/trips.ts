/** Trips of browsers to a GitHub on loopback, for tests. */
import { type GithubAccount, startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import { nextGithubId, type WorldInstallation } from '@mogplex/kit/test-bench/github-world.ts'
import { type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'
import { standInForProjects } from './projects-stand-in.ts'

export const LOGIN = '/api/auth/login/github'
export const CONNECT = '/api/auth/github'

/** Of all tests of the process; it ends with it. */
export const github = startTestGithub()

type Call = IdentityBench['call']

let made = 0
/** Somebody at GitHub nobody has seen here. */
export function newAccount(rest: Partial<GithubAccount> = {}): GithubAccount {
  made += 1
  const email = `gh-${made}@example.test`
  const emails = [
    { email: `other-${made}@example.test`, primary: false, verified: true },
    { email, primary: true, verified: true },
  ]
  return { id: 1_000 + made, login: `gh-${made}`, name: `Person ${made}`, emails, ...rest }
}

/** A browser: keeps the cookie of the trip. */
export function browser(call: Call, as: { userId: string } | undefined = undefined) {
  let cookie = ''
  const open = async (path: string) => {
    const headers: Record<string, string> = cookie ? { cookie } : {}
    const response = await call('GET', path, { headers, ...(as ? { as } : {}) })
    const set = response.headers.getSetCookie().find(each => each.startsWith('mogplex_oauth_state='))
    if (set) cookie = set.startsWith('mogplex_oauth_state=;') ? '' : (set.split(';')[0] ?? '')
    return { response, status: response.status, location: response.headers.get('location') ?? '', set }
  }
  const trip = async (account: GithubAccount | 'deny', start = LOGIN) => {
    const { location } = await open(start)
    const back = github.visit(location, account)
    return open(back.pathname + back.search)
  }
  return { open, trip }
}

/** Where the App's settings at GitHub send people after an install. */
const SETUP_URL = 'http://mogplex.test/api/auth/github/callback'

/** Identity as part of an instance that has a GitHub App, beside what projects would say. */
export async function startIdentityWithApp(settings: Record<string, string> = {}) {
  const { GITHUB_APP_NAME } = github.world.appSettings
  const bench = await startIdentity({ ...github.settings, GITHUB_APP_NAME, ...settings })
  const projects = standInForProjects()
  const endProjects = await bench.answerAs('projects', projects.answers)
  return { ...bench, projects, endProjects }
}

export type AppBench = Awaited<ReturnType<typeof startIdentityWithApp>>

/** Somebody with an account here who has connected one at GitHub, which is listed to whoever sees it there. */
export async function connectSomebody(bench: AppBench, account = newAccount()) {
  const user = await signUpSomebody(bench)
  // Before the instance had its App.
  bench.projects.isAppAvailable = false
  await browser(bench.call, user).trip(account, CONNECT)
  bench.projects.isAppAvailable = true
  return { ...user, account }
}

/** The App on somebody's account, or on an organisation. */
export function installationOn(account: { id: number; login: string }, type = 'User'): WorldInstallation {
  const { id, login } = account
  return { id: nextGithubId(), account: { id, login, type }, repos: [] }
}

/** The way to the install page and back to our door; `enter` goes in. */
export async function installTrip(
  call: Call,
  as: { userId: string },
  installing: Omit<Parameters<typeof github.install>[1], 'setupUrl'>,
) {
  const person = browser(call, as)
  const { location } = await person.open(CONNECT)
  const back = github.install(location, { ...installing, setupUrl: SETUP_URL })
  const path = back.pathname + back.search
  return { person, path, enter: () => person.open(path) }
}

/** How far a user is with GitHub, as it is stored; `pending` for how long it is when an install has begun. */
export async function storedState({ sql }: Pick<IdentityBench, 'sql'>, { userId }: { userId: string }) {
  const [row] = await sql`select github_auth_mode as mode, github_reconcile_after as after,
    github_install_pending_until > now() + interval '23 hours' as pending, github_user_id as account
    from identity.users where id = ${userId}`
  return row
}

/** How GitHub answers tokens of an OAuth app that ask for installations. */
export const notToOauthApps = () => Response.json({ message: 'You must authenticate' }, { status: 403 })
