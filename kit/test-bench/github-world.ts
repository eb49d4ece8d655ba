/** What the stand-in GitHub holds beside accounts, and how its App API answers about it, as strictly as GitHub. */
import { generateKeyPairSync } from 'node:crypto'
import { jwtVerify } from 'jose'

export interface WorldRepo {
  id: number
  full_name: string
  default_branch?: string | null
}

export interface WorldInstallation {
  id: number
  account: { id: number; login: string; type: string }
  target_type?: string
  permissions?: Record<string, string>
  suspended_at?: string | null
  repos: WorldRepo[]
}

interface Membership {
  role: 'admin' | 'member'
  state: 'active' | 'pending'
}

export interface WorldOrg {
  id: number
  login: string
  /** By login of the member. */
  members: Record<string, Membership>
}

interface GivenToken {
  installationId: number
  repositoryIds: number[] | null
}

type Account = { id: number; login: string }

/** Whoever a test invents has numbers of their own. */
let lastId = 7_000
export function nextGithubId(): number {
  lastId += 1
  return lastId
}

export type GithubWorld = ReturnType<typeof createGithubWorld>

interface Held {
  installations: Map<number, WorldInstallation>
  orgs: WorldOrg[]
  /** What the account may see, by its login. */
  reposOf: Map<string, WorldRepo[]>
  /** Tokens of installations, by token. */
  given: Map<string, GivenToken>
}

export function createGithubWorld() {
  const appId = '4711'
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const held: Held = { installations: new Map(), orgs: [], reposOf: new Map(), given: new Map() }
  const isApp = async (bearer: string) => {
    const checked = await jwtVerify(bearer, publicKey, { issuer: appId, algorithms: ['RS256'] }).catch(
      () => null,
    )
    const { iat = 0, exp = 0 } = checked?.payload ?? {}
    return checked !== null && exp - iat <= 600 && iat <= Date.now() / 1_000
  }
  return {
    ...held,
    /** Of an instance that is this App. */
    appSettings: {
      GITHUB_APP_ID: appId,
      GITHUB_APP_NAME: 'mogplex-test',
      GITHUB_APP_PRIVATE_KEY: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    },
    /** Every request, oldest first; `by` is the login of the user whose token it brought. */
    calls: [] as { method: string; path: string; by: string | null }[],

    /** Null for what this is not about. */
    answer: async (request: Request, account: Account | null): Promise<Response | null> => {
      const { pathname, searchParams } = new URL(request.url)
      if (account) return answerUser(held, pathname, account, searchParams)
      const bearer = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
      const token = held.given.get(bearer)
      if (token && pathname === '/installation/repositories')
        return answerInstallation(held, token, searchParams)
      return (await isApp(bearer)) ? answerApp(held, pathname, request) : null
    },
  }
}

function answerUser(held: Held, path: string, account: Account, page: URLSearchParams): Response | null {
  const { orgs, reposOf } = held
  const { login } = account
  if (path === '/user/installations') {
    const seen = installationsSeenBy(held, account)
    const shown = paged(seen, page).map(described)
    return Response.json({ total_count: seen.length, installations: shown })
  }
  if (path === '/user/repos') return Response.json(paged(reposOf.get(login) ?? [], page))
  if (path === '/user/orgs') {
    const mine = orgs.filter(org => isMember(org, login))
    const shown = mine.map(org => ({ id: org.id, login: org.login }))
    return Response.json(paged(shown, page))
  }
  const [, name] = /^\/user\/memberships\/orgs\/([^/]+)$/.exec(path) ?? []
  if (name === undefined) return null
  const org = orgs.find(one => one.login.toLowerCase() === decodeURIComponent(name).toLowerCase())
  const membership = org?.members[login]
  return org && membership
    ? Response.json({ ...membership, organization: { id: org.id, login: org.login } })
    : missing()
}

function isMember({ members }: WorldOrg, login: string): boolean {
  return members[login]?.state === 'active'
}

/** GitHub lists them to whoever may see the account, not only to those who run it. */
function installationsSeenBy({ installations, orgs }: Held, { id, login }: Account): WorldInstallation[] {
  const seen = new Set([id, ...orgs.filter(org => isMember(org, login)).map(org => org.id)])
  return [...installations.values()].filter(({ account }) => seen.has(account.id))
}

/** Null, as for any token that is none, when the installation is gone: its tokens end with it. */
function answerInstallation(
  { installations }: Held,
  token: GivenToken,
  page: URLSearchParams,
): Response | null {
  const installation = installations.get(token.installationId)
  if (!installation) return null
  if (installation.suspended_at) return suspended()
  const seen = installation.repos.filter(({ id }) => token.repositoryIds?.includes(id) ?? true)
  return Response.json({ total_count: seen.length, repositories: paged(seen, page) })
}

function answerApp(held: Held, path: string, request: Request): Promise<Response> | Response | null {
  const { installations } = held
  const [, id, rest] = /^\/app\/installations\/(\d+)(\/access_tokens)?$/.exec(path) ?? []
  if (id !== undefined) {
    const found = installations.get(Number(id))
    if (!found) return missing()
    return rest ? mint(held, found, request) : present(found)
  }
  const [, kind, login = ''] = /^\/(orgs|users)\/([^/]+)\/installation$/.exec(path) ?? []
  if (kind === undefined) return null
  const isOrg = kind === 'orgs'
  const found = [...installations.values()].find(
    ({ account }) =>
      account.login.toLowerCase() === decodeURIComponent(login).toLowerCase() &&
      (account.type === 'Organization') === isOrg,
  )
  return found ? present(found) : missing()
}

async function mint({ given }: Held, installation: WorldInstallation, request: Request): Promise<Response> {
  if (installation.suspended_at) return suspended()
  const text = await request.text()
  const repositoryIds: number[] | null = text ? (JSON.parse(text).repository_ids ?? null) : null
  const owned = installation.repos.map(({ id }) => id)
  if (repositoryIds?.some(id => !owned.includes(id))) {
    const message = 'There is at least one repository that does not exist'
    return Response.json({ message }, { status: 422 })
  }
  const token = `ghs_${crypto.randomUUID().replaceAll('-', '')}`
  given.set(token, { installationId: installation.id, repositoryIds })
  const expires_at = new Date(Date.now() + 3_600_000).toISOString()
  return Response.json({ token, expires_at, permissions: {} }, { status: 201 })
}

function described({ repos: _, ...installation }: WorldInstallation) {
  return { app_id: 4_711, suspended_at: null, ...installation }
}

function present(installation: WorldInstallation): Response {
  return Response.json(described(installation))
}

function paged<Item>(items: Item[], query: URLSearchParams): Item[] {
  const size = Number(query.get('per_page') ?? 30)
  const page = Number(query.get('page') ?? 1)
  return items.slice((page - 1) * size, page * size)
}

function suspended(): Response {
  return Response.json({ message: 'This installation has been suspended' }, { status: 403 })
}

function missing(): Response {
  return Response.json({ message: 'Not Found' }, { status: 404 })
}
