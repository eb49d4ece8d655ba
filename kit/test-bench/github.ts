/** A GitHub on loopback for tests: people with accounts, and what its API says of them. */
import { createInstallPage, type Installing } from './github-install.ts'
import { createOauthDance } from './github-oauth.ts'
import { createGithubWorld, type GithubWorld } from './github-world.ts'

export interface GithubAccount {
  id: number
  login: string
  name?: string | null
  avatar_url?: string | null
  emails: { email: string; primary: boolean; verified: boolean }[]
}

export interface TestGithub {
  /** Of an instance that takes this for its GitHub. */
  settings: Record<'GITHUB_URL' | 'GITHUB_API_URL' | 'GITHUB_CLIENT_ID' | 'GITHUB_CLIENT_SECRET', string>
  /** Opens the authorise page as `account` and allows it, or not; resolves with where GitHub sends the browser. */
  visit: (authorizeUrl: string, account: GithubAccount | 'deny') => URL
  /** Opens the App's install page and installs it; resolves with where GitHub sends the browser. */
  install: (installUrl: string, installing: Installing) => URL
  /** By path, what is answered instead of the truth. */
  broken: Map<string, () => Response | Promise<Response>>
  /** Organisations, repositories and installations, and the App they are of. */
  world: GithubWorld
  /** A token of the account without the dance. */
  giveToken: (account: GithubAccount) => string
  /** Every token that was given out, oldest first. */
  issued: () => string[]
  /** What the authorise page was asked for last. */
  asked: () => URLSearchParams
  stop: () => Promise<void>
}

/** Starts it. */
export function startTestGithub(): TestGithub {
  const tokens = new Map<string, GithubAccount>()
  const broken: TestGithub['broken'] = new Map()
  const world = createGithubWorld()
  const giveToken = (account: GithubAccount): string => {
    const token = `gho_${crypto.randomUUID().replaceAll('-', '')}`
    tokens.set(token, account)
    return token
  }
  const dance = createOauthDance(giveToken)

  const server = Bun.serve({
    ...{ port: 0, hostname: '127.0.0.1' },
    fetch: async request => {
      const { pathname } = new URL(request.url)
      const account = tokens.get(request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '')
      world.calls.push({ method: request.method, path: pathname, by: account?.login ?? null })
      const instead = broken.get(pathname)
      if (instead) return instead()
      if (pathname === '/login/oauth/access_token' && request.method === 'POST')
        return dance.exchange(request)
      return (await world.answer(request, account ?? null)) ?? answerAbout(account, pathname)
    },
  })
  server.unref()

  const url = `http://127.0.0.1:${server.port}`
  return {
    settings: { GITHUB_URL: url, GITHUB_API_URL: url, ...dance.settings },
    ...{ broken, world, giveToken, visit: dance.visit, asked: dance.asked },
    install: createInstallPage({ url, world, codeFor: dance.codeAfterInstall }),
    issued: () => [...tokens.keys()],
    stop: () => server.stop(true),
  }
}

function answerAbout(account: GithubAccount | undefined, path: string): Response {
  if (!account) return Response.json({ message: 'Bad credentials' }, { status: 401 })
  const { emails, ...profile } = account
  if (path === '/user') return Response.json({ name: null, avatar_url: null, ...profile, private_gists: 1 })
  if (path === '/user/emails') return Response.json(emails)
  return Response.json({ message: 'Not Found' }, { status: 404 })
}
