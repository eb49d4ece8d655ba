/** Signing in at the stand-in GitHub: the OAuth dance as GitHub does it, strictly. */
import { createHash } from 'node:crypto'
import type { GithubAccount, TestGithub } from './github.ts'

interface Grant {
  account: GithubAccount
  scope: string
  /** What the trip was begun with; null where GitHub began it, after an install. */
  begun: { redirectUri: string; challenge: string } | null
}

/** `giveToken` is called for who has come through it. */
export function createOauthDance(giveToken: (account: GithubAccount) => string) {
  const [clientId, clientSecret] = ['client-of-the-test', 'secret-of-the-test']
  const codes = new Map<string, Grant>()
  let last = new URLSearchParams()

  const visit: TestGithub['visit'] = (authorizeUrl, account) => {
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

  return {
    ...{ visit, exchange, asked: () => last },
    /** For the account of somebody who was asked for it after an install. */
    codeAfterInstall: (account: GithubAccount): string => {
      const code = crypto.randomUUID()
      codes.set(code, { account, scope: '', begun: null })
      return code
    },
    settings: { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret },
  }
}
