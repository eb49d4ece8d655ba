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

export function createGithubWorld() {
  const appId = '4711'
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const given = new Map<string, GivenToken>()
  const installations = new Map<number, WorldInstallation>()
  const orgs: WorldOrg[] = []
  /** What the account may see, by its login. */
  const reposOf = new Map<string, WorldRepo[]>()

  const isApp = async (bearer: string) => {
    const checked = await jwtVerify(bearer, publicKey, { issuer: appId, algorithms: ['RS256'] }).catch(
      () => null,
    )
    const { iat = 0, exp = 0 } = checked?.payload ?? {}
    return checked !== null && exp - iat <= 600 && iat <= Date.now() / 1_000
  }
  const mint = async (installation: WorldInstallation, request: Request): Promise<Response> => {
    if (installation.suspended_at)
      return Response.json({ message: 'This installation has been suspended' }, { status: 403 })
    const text = await request.text()
    const repositoryIds: number[] | null = text ? (JSON.parse(text).repository_ids ?? null) : null
    const owned = installation.repos.map(({ id }) => id)
    if (repositoryIds?.some(id => !owned.includes(id)))
      return Response.json(
        { message: 'There is at least one repository that does not exist' },
        { status: 422 },
      )
    const token = `ghs_${crypto.randomUUID().replaceAll('-', '')}`
    given.set(token, { installationId: installation.id, repositoryIds })
    const expires_at = new Date(Date.now() + 3_600_000).toISOString()
    return Response.json({ token, expires_at, permissions: {} }, { status: 201 })
  }
  const answerApp = (path: string, request: Request): Promise<Response> | Response | null => {
    const [, id, rest] = /^\/app\/installations\/(\d+)(\/access_tokens)?$/.exec(path) ?? []
    if (id !== undefined) {
      const found = installations.get(Number(id))
      if (!found) return missing()
      return rest ? mint(found, request) : present(found)
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
  const isMember = (org: WorldOrg, login: string) => org.members[login]?.state === 'active'
  /** GitHub lists them to whoever may see the account, not only to those who run it. */
  const installationsOf = ({ id, login }: Account): WorldInstallation[] =>
    [...installations.values()].filter(
      ({ account }) => account.id === id || orgs.some(org => org.id === account.id && isMember(org, login)),
    )
  const answerUser = (path: string, account: Account, page: URLSearchParams): Response | null => {
    const { login } = account
    if (path === '/user/installations') {
      const seen = installationsOf(account)
      const installed = paged(seen, page).map(described)
      return Response.json({ total_count: seen.length, installations: installed })
    }
    if (path === '/user/repos') return Response.json(paged(reposOf.get(login) ?? [], page))
    if (path === '/user/orgs') {
      const mine = orgs.filter(org => isMember(org, login))
      return Response.json(
        paged(
          mine.map(org => ({ id: org.id, login: org.login })),
          page,
        ),
      )
    }
    const [, name] = /^\/user\/memberships\/orgs\/([^/]+)$/.exec(path) ?? []
    if (name === undefined) return null
    const org = orgs.find(one => one.login.toLowerCase() === decodeURIComponent(name).toLowerCase())
    const membership = org?.members[login]
    return org && membership
      ? Response.json({ ...membership, organization: { id: org.id, login: org.login } })
      : missing()
  }

  return {
    /** Of an instance that is this App. */
    appSettings: {
      GITHUB_APP_ID: appId,
      GITHUB_APP_NAME: 'mogplex-test',
      GITHUB_APP_PRIVATE_KEY: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    },
    ...{ installations, orgs, reposOf },
    /** Tokens of installations, by token. */
    given,
    /** Every request, oldest first; `by` is the login of the user whose token it brought. */
    calls: [] as { method: string; path: string; by: string | null }[],

    /** Null for what this is not about. */
    answer: async (request: Request, account: Account | null): Promise<Response | null> => {
      const { pathname, searchParams } = new URL(request.url)
      if (account) return answerUser(pathname, account, searchParams)
      const bearer = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
      const token = given.get(bearer)
      if (token && pathname === '/installation/repositories') {
        const { repos } = installations.get(token.installationId) ?? { repos: [] }
        const seen = repos.filter(({ id }) => token.repositoryIds?.includes(id) ?? true)
        return Response.json({ total_count: seen.length, repositories: paged(seen, searchParams) })
      }
      return (await isApp(bearer)) ? answerApp(pathname, request) : null
    },
  }
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

function missing(): Response {
  return Response.json({ message: 'Not Found' }, { status: 404 })
}
