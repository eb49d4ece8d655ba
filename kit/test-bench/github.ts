/** A GitHub on loopback for tests: the OAuth dance as GitHub does it, strictly, and the few API calls after it. */
import { createHash } from 'node:crypto'
import { createGithubWorld, type GithubWorld, type WorldInstallation } from './github-world.ts'

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

export interface Installing {
  /** What comes to be; null where an owner of the organisation is asked first. */
  installation: WorldInstallation | null
  /** As the App's settings at GitHub say. */
  setupUrl: string
  /** Who is asked for a token on the way, where the App's settings say so. */
  account?: GithubAccount
}

interface Grant {
  account: GithubAccount
  scope: string
  /** What the trip was begun with; null where GitHub began it, after an install. */
  begun: { redirectUri: string; challenge: string } | null
}

/** Starts it. */
export function startTestGithub(): TestGithub {
  const [clientId, clientSecret] = ['client-of-the-test', 'secret-of-the-test']
  const codes = new Map<string, Grant>()
  const tokens = new Map<string, GithubAccount>()
  const broken: TestGithub['broken'] = new Map()
  const world = createGithubWorld()
  let last = new URLSearchParams()

  const giveToken = (account: GithubAccount): string => {
    const token = `gho_${crypto.randomUUID().replaceAll('-', '')}`
    tokens.set(token, account)
    return token
  }

  const exchange = async (request: Request): Promise<Response> => {
    const body = await request.json()
    const grant = codes.get(body.code)
    codes.delete(body.code)
    const challenge = createHash('sha256').update(String(body.code_verifier)).digest('base64url')
    const isClient = body.client_id === clientId && body.client_secret === clientSecret
    const begun = grant?.begun
    const isTrip = begun
      ? begun.challenge === challenge && begun.redirectUri === body.redirect_uri
      : body.code_verifier === undefined && body.redirect_uri === undefined
    if (!grant || !isClient || !isTrip) return Response.json({ error: 'bad_verification_code' })
    return Response.json({
      access_token: giveToken(grant.account),
      scope: grant.scope.replaceAll(' ', ','),
      token_type: 'bearer',
    })
  }

  const server = Bun.serve({
    ...{ port: 0, hostname: '127.0.0.1' },
    fetch: async request => {
      const { pathname } = new URL(request.url)
      const account = tokens.get(request.headers.get('authorization')?.replace(/^Bearer /, '') ?? '')
      world.calls.push({ method: request.method, path: pathname, by: account?.login ?? null })
      const instead = broken.get(pathname)
      if (instead) return instead()
      if (pathname === '/login/oauth/access_token' && request.method === 'POST') return exchange(request)
      const answer = await world.answer(request, account ?? null)
      if (answer) return answer
      if (!account) return Response.json({ message: 'Bad credentials' }, { status: 401 })
      const { emails, ...profile } = account
      if (pathname === '/user')
        return Response.json({ name: null, avatar_url: null, ...profile, private_gists: 1 })
      if (pathname === '/user/emails') return Response.json(emails)
      return Response.json({ message: 'Not Found' }, { status: 404 })
    },
  })

  server.unref()

  const url = `http://127.0.0.1:${server.port}`
  return {
    settings: {
      ...{ GITHUB_URL: url, GITHUB_API_URL: url, GITHUB_CLIENT_ID: clientId },
      GITHUB_CLIENT_SECRET: clientSecret,
    },
    ...{ broken, world, giveToken },
    issued: () => [...tokens.keys()],
    asked: () => last,
    visit: (authorizeUrl, account) => {
      const page = new URL(authorizeUrl)
      last = page.searchParams
      const asked = (name: string) => last.get(name) ?? ''
      if (page.pathname !== '/login/oauth/authorize') throw new Error(`no page of GitHub: ${page.pathname}`)
      if (asked('client_id') !== clientId) throw new Error('an unknown client')
      if (asked('code_challenge_method') !== 'S256') throw new Error('no proof key')
      const back = new URL(asked('redirect_uri'))
      back.searchParams.set('state', asked('state'))
      if (account === 'deny') {
        back.searchParams.set('error', 'access_denied')
        return back
      }
      const code = crypto.randomUUID()
      const begun = { redirectUri: asked('redirect_uri'), challenge: asked('code_challenge') }
      codes.set(code, { account, scope: asked('scope'), begun })
      back.searchParams.set('code', code)
      return back
    },
    install: (installUrl, { installation, setupUrl, account }) => {
      const page = new URL(installUrl)
      const path = `/apps/${world.appSettings.GITHUB_APP_NAME}/installations/new`
      if (page.origin !== url || page.pathname !== path) throw new Error(`no page of GitHub: ${installUrl}`)
      const back = new URL(setupUrl)
      if (installation) {
        world.installations.set(installation.id, installation)
        back.searchParams.set('installation_id', String(installation.id))
      }
      back.searchParams.set('setup_action', installation ? 'install' : 'request')
      const state = page.searchParams.get('state')
      if (state) back.searchParams.set('state', state)
      if (!account) return back
      const code = crypto.randomUUID()
      codes.set(code, { account, scope: '', begun: null })
      back.searchParams.set('code', code)
      return back
    },
    stop: () => server.stop(true),
  }
}
