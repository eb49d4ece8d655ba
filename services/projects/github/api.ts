/** The questions this service asks GitHub, with what it reads of each answer. */
import { type Static, Type } from '@sinclair/typebox'
import { type Credential, type GithubClient, path } from './client/client.ts'
import { isMissing } from './client/github-error.ts'
import { collectPages, type Listing, PAGE_SIZE } from './client/pages.ts'

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const optionalText = Type.Optional(Type.Union([Type.String(), Type.Null()]))

const Account = Type.Object({ id: Id, login: Type.String({ minLength: 1 }), type: optionalText })
export const Installation = Type.Object({
  id: Id,
  account: Account,
  target_type: optionalText,
  permissions: Type.Optional(Type.Record(Type.String(), Type.String())),
  suspended_at: optionalText,
})
export type Installation = Static<typeof Installation>

export const GithubRepo = Type.Object({
  id: Id,
  /** As projects spec 2.1 takes it from anybody: it becomes part of an address. */
  full_name: Type.String({
    pattern: '^(?!\\.{1,2}/)[A-Za-z0-9_.-]{1,100}/(?!\\.{1,2}$)[A-Za-z0-9_.-]{1,100}$',
  }),
  default_branch: optionalText,
})
export type GithubRepo = Static<typeof GithubRepo>

const Orgs = Type.Array(Type.Object({ id: Id, login: Type.String({ minLength: 1 }) }))
const Membership = Type.Object({
  state: Type.String(),
  role: Type.String(),
  organization: Type.Object({ id: Id }),
})
const InstallationRepos = Type.Object({
  total_count: Type.Integer({ minimum: 0 }),
  repositories: Type.Array(GithubRepo),
})

export type GithubApi = ReturnType<typeof githubApi>

/** Each question throws `GithubError`; what GitHub knows nothing of is null where null is an answer. */
export function githubApi(client: GithubClient, maxPages: number) {
  return {
    ...questionsOfApp(client),
    ...questionsOfUser(client, maxPages),
    ...questionsOfInstallation(client, maxPages),
  }
}

function questionsOfApp(client: GithubClient) {
  const installationAt = (where: string, credential: Credential) =>
    orNull(client.call({ path: where, credential, schema: Installation }))
  return {
    installation: (id: number, asApp: Credential) => installationAt(path`/app/installations/${id}`, asApp),

    /** The App's installation on an account, be it an organisation or a person. */
    installationOn: async (login: string, asApp: Credential): Promise<Installation | null> =>
      (await installationAt(path`/orgs/${login}/installation`, asApp)) ??
      (await installationAt(path`/users/${login}/installation`, asApp)),
  }
}

function questionsOfUser(client: GithubClient, maxPages: number) {
  return {
    orgsOf: async (user: Credential): Promise<string[]> => {
      const { items } = await collectPages(maxPages, page =>
        client.call({ path: `/user/orgs?${pageQuery(page)}`, credential: user, schema: Orgs }),
      )
      return items.map(({ login }) => login)
    },

    /** Whether the user runs the organisation, by its numeric id: a login changes hands. */
    isAdminOf: async (org: { id: number; login: string }, user: Credential): Promise<boolean> => {
      const where = path`/user/memberships/orgs/${org.login}`
      const found = await orNull(client.call({ path: where, credential: user, schema: Membership }))
      return found?.state === 'active' && found.role === 'admin' && found.organization.id === org.id
    },

    reposOf: (user: Credential): Promise<Listing<GithubRepo>> =>
      collectPages(maxPages, async page => {
        const where = `/user/repos?sort=updated&${pageQuery(page)}`
        const found = await client.call({ path: where, credential: user, schema: Type.Array(GithubRepo) })
        return found.map(withoutTheRest)
      }),
  }
}

function questionsOfInstallation(client: GithubClient, maxPages: number) {
  return {
    /** Complete only when there are as many as GitHub counts: pages shift while they are read. */
    reposOfInstallation: async (installation: Credential): Promise<Listing<GithubRepo>> => {
      let total = 0
      const { items, isComplete } = await collectPages(maxPages, async page => {
        const where = `/installation/repositories?${pageQuery(page)}`
        const found = await client.call({ path: where, credential: installation, schema: InstallationRepos })
        total = found.total_count
        return found.repositories.map(withoutTheRest)
      })
      const distinct = new Set(items.map(({ id }) => id)).size
      return { items, isComplete: isComplete && distinct >= total }
    },
  }
}

async function orNull<Value>(answer: Promise<Value>): Promise<Value | null> {
  try {
    return await answer
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

/** GitHub says some 6 KB of each, and a list may hold thousands of them. */
function withoutTheRest({ id, full_name, default_branch }: GithubRepo): GithubRepo {
  return { id, full_name, default_branch }
}

function pageQuery(page: number): string {
  return `per_page=${PAGE_SIZE}&page=${page}`
}
