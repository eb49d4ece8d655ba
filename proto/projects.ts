/** What projects answers and tells (projects spec 8). */
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { ask, tell } from './contract.ts'

const Id = Type.String()
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** `git`: any remote; `github`: a repository GitHub knows by its id. */
const RepoProvider = Type.Union([Type.Literal('git'), Type.Literal('github')])
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
        provider: RepoProvider,
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
  provider: RepoProvider,
  cloneUrl: Type.String(),
  fullName: Type.String(),
  defaultBranch: Type.String(),
  rootDirectory: Nullable(Type.String()),
  auth: RemoteAuth,
  /** Git may connect to hosts of the own network for this one, as far as projects is concerned. */
  allowPrivateHosts: Type.Boolean(),
})
export type RepositorySource = Static<typeof RepositorySource>

/** Foreign or unknown repo: `REPO_NOT_FOUND`. For a repository of GitHub a token may have to be made first. */
export const getRepoSource = ask('rpc.projects.repo.source', {
  callers: ['runtime'],
  request: OwnedRepo,
  reply: RepositorySource,
  deadlineMs: 15_000,
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

/** Looks the user's installations up at GitHub, binds those that are proven and syncs them (projects spec 5.3). */
export const reconcileInstallations = ask('rpc.projects.installation.reconcile', {
  callers: ['identity'],
  request: OfUser,
  reply: Type.Object({ installationCount: Count }),
  deadlineMs: 25_000,
})

/**
 * Binds one installation to the user, after the proof of projects spec 5.3, and syncs its repos. `forbidden`:
 * it is not the user's to bind. `unreachable`: GitHub did not say whose it is. Neither stores anything. Not
 * synced: it is bound all the same, but suspended, or its repos could not be listed in time; the next sync will.
 */
export const claimInstallation = ask('rpc.projects.installation.claim', {
  callers: ['identity'],
  request: Type.Object({ userId: Id, installationId: Type.Integer({ minimum: 1 }) }),
  reply: Type.Union([
    Type.Object({ status: Type.Literal('bound'), isSynced: Type.Boolean() }),
    Type.Object({ status: Type.Union([Type.Literal('forbidden'), Type.Literal('unreachable')]) }),
  ]),
  deadlineMs: 25_000,
})

/**
 * Lists the user's repos with the user's own GitHub token and keeps rows of them (projects spec 6.1). Not synced:
 * there is no token, or GitHub did not answer in time.
 */
export const syncGithubRepos = ask('rpc.projects.github.sync', {
  callers: ['identity'],
  request: OfUser,
  reply: Type.Object({ isSynced: Type.Boolean() }),
  deadlineMs: 25_000,
})

const RepoFacts = Type.Object({ repoId: Id })
export const repoCreated = tell('evt.projects.repo.created', RepoFacts)
export const repoUpdated = tell(
  'evt.projects.repo.updated',
  Type.Object({ repoId: Id, fields: Type.Array(Type.String()) }),
)
export const repoDeleted = tell('evt.projects.repo.deleted', RepoFacts)
/** An installation of the GitHub App covers the repo now, or none does any more (null). */
export const repoCoverage = tell(
  'evt.projects.repo.coverage',
  Type.Object({ repoId: Id, installationId: Nullable(Type.Integer()) }),
)
const InstallationFacts = Type.Object({ installationId: Type.Integer() })
export const installationBound = tell('evt.projects.installation.bound', InstallationFacts)
export const installationRemoved = tell('evt.projects.installation.removed', InstallationFacts)
export const installationSuspended = tell('evt.projects.installation.suspended', InstallationFacts)
/** What `rebind` allows: to move the user's automation from other installations to this one (projects spec 6.1). */
export const installationSynced = tell(
  'evt.projects.installation.synced',
  Type.Object({
    installationId: Type.Integer(),
    rebind: Type.Object({
      allowed: Type.Boolean(),
      reason: Type.Union([
        Type.Literal('none'),
        Type.Literal('no_current_installations'),
        Type.Literal('multiple_current_installations'),
        Type.Literal('current_installation_mismatch'),
      ]),
    }),
  }),
)
const WorkspaceFacts = Type.Object({ workspaceId: Id })
export const workspaceCreated = tell('evt.projects.workspace.created', WorkspaceFacts)
export const workspaceUpdated = tell('evt.projects.workspace.updated', WorkspaceFacts)
export const workspaceDeleted = tell('evt.projects.workspace.deleted', WorkspaceFacts)
