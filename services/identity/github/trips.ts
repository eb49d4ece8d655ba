/** Trips of browsers to a GitHub on loopback, for tests. */
import { type GithubAccount, startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import type { IdentityBench } from '../test-bench.ts'

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
