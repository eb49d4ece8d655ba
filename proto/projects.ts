/** What projects answers and tells (projects spec 8). */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { ask, tell } from './contract.ts'

const Id = Type.String()
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const OwnedRepo = Type.Object({ userId: Id, repoId: Id })

/** A repo of the user without secrets, or null when unknown, foreign or malformed. */
export const getRepo = ask('rpc.projects.repo.get', {
  callers: ['runtime'],
  request: OwnedRepo,
  reply: Type.Object({
    repo: Nullable(
      Type.Object({
        id: Id,
        fullName: Type.String(),
        provider: Type.Literal('git'),
        defaultBranch: Type.String(),
        rootDirectory: Nullable(Type.String()),
      }),
    ),
  }),
})

/** How to authenticate against a remote. `basic` is HTTP, `ssh` an unencrypted private key. */
export const RemoteAuth = Type.Union([
  Type.Object({ kind: Type.Literal('none') }),
  Type.Object({ kind: Type.Literal('basic'), username: Type.String(), token: Type.String() }),
  Type.Object({ kind: Type.Literal('ssh'), privateKey: Type.String() }),
])
export type RemoteAuth = Static<typeof RemoteAuth>

/** Where a repo's commits come from and go to. Carries a credential: never logged, never stored. */
export const RepositorySource = Type.Object({
  provider: Type.Literal('git'),
  cloneUrl: Type.String(),
  fullName: Type.String(),
  defaultBranch: Type.String(),
  rootDirectory: Nullable(Type.String()),
  auth: RemoteAuth,
})
export type RepositorySource = Static<typeof RepositorySource>

/** Foreign or unknown repo: `REPO_NOT_FOUND`. */
export const getRepoSource = ask('rpc.projects.repo.source', {
  callers: ['runtime'],
  request: OwnedRepo,
  reply: RepositorySource,
})

/** What a sandbox of the repo starts with (projects spec 2.4, 4). Times in ms; env holds plain values. */
export const getRepoLaunchConfig = ask('rpc.projects.repo.launch-config', {
  callers: ['runtime'],
  request: OwnedRepo,
  reply: Type.Object({
    installCommand: Nullable(Type.String()),
    devCommand: Nullable(Type.String()),
    devPort: Nullable(Type.Integer()),
    runtime: Nullable(Type.String()),
    sandboxTimeoutMs: Type.Integer(),
    sandboxIdleTimeoutMs: Type.Integer(),
    env: Type.Record(Type.String(), Type.String()),
  }),
})

const OfUser = Type.Object({ userId: Id })
const Count = Type.Integer({ minimum: 0 })

/** All of the user's GitHub rows, those an App installation covers, and what is installed (projects spec 5.1). */
export const githubSummary = ask('rpc.projects.github.summary', {
  callers: ['identity'],
  request: OfUser,
  reply: Type.Object({
    /** A GitHub App is configured on this instance and its key can be read. */
    appAvailable: Type.Boolean(),
    installationCount: Count,
    syncedRepoCount: Count,
    coveredRepoCount: Count,
  }),
})

const RepoFacts = Type.Object({ repoId: Id })
export const repoCreated = tell('evt.projects.repo.created', RepoFacts)
export const repoUpdated = tell(
  'evt.projects.repo.updated',
  Type.Object({ repoId: Id, fields: Type.Array(Type.String()) }),
)
export const repoDeleted = tell('evt.projects.repo.deleted', RepoFacts)
const WorkspaceFacts = Type.Object({ workspaceId: Id })
export const workspaceCreated = tell('evt.projects.workspace.created', WorkspaceFacts)
export const workspaceUpdated = tell('evt.projects.workspace.updated', WorkspaceFacts)
export const workspaceDeleted = tell('evt.projects.workspace.deleted', WorkspaceFacts)
