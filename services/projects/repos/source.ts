/** Where a repo's commits come from and go to, and with which credential (projects spec 6.3, 8). */
import { addressFor } from '@mogplex/kit/git-remote/git-access.ts'
import { parseRemote, type Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { invalidRemote } from '@mogplex/kit/git-remote/refusals.ts'
import type { RemoteAuth, RepositorySource } from '@mogplex/proto/projects.ts'
import type { Repo } from '../database/schema.ts'
import { type ProjectsKit, remoteRules } from '../environment.ts'
import { githubAuth } from '../github/repo-auth.ts'
import { findLocalRepository } from '../remotes/local-repository.ts'
import { rulesFor } from '../remotes/user-rules.ts'
import { NO_HOST_ACCESS, type RemoteRules } from '../remotes/vet-remote.ts'
import { type GitRepo, isGitRepo } from './origin.ts'
import { openCredential } from './secrets.ts'

type SourceKit = Pick<ProjectsKit, 'ask' | 'config' | 'github' | 'secrets'>

/**
 * 400 `INVALID_REMOTE` when the settings no longer allow the remote, or the stored path has become a link to
 * somewhere else. `GithubError` when GitHub gives no token for what the App covers.
 */
export async function sourceOf(kit: SourceKit, repo: Repo): Promise<RepositorySource> {
  const { remote, auth, allowPrivateHosts } = isGitRepo(repo)
    ? await plainGit(kit, repo)
    : await ofGithub(kit, repo)
  return {
    provider: repo.provider,
    cloneUrl: addressFor(remote, auth),
    fullName: repo.fullName,
    defaultBranch: repo.defaultBranch,
    rootDirectory: repo.rootDirectory,
    auth,
    allowPrivateHosts,
  }
}

interface Source {
  remote: Remote
  auth: RemoteAuth
  allowPrivateHosts: boolean
}

async function plainGit(kit: SourceKit, repo: GitRepo): Promise<Source> {
  const rules = await rulesFor(kit, repo)
  const remote = await stillAllowed(repo.remoteUrl, rules)
  const auth = openCredential(kit.secrets, repo) ?? { kind: 'none' }
  return { remote, auth, allowPrivateHosts: rules.allowPrivateHosts }
}

/** The host is the operator's choice, not the user's. Whether it may be reached without encryption was decided at start. */
async function ofGithub(kit: SourceKit, repo: Repo): Promise<Source> {
  const remote = parseRemote(`${kit.github.webUrl}/${repo.fullName}.git`, { allowHttp: true })
  const { allowPrivateHosts } = remoteRules(kit.config)
  return { remote, auth: await githubAuth(kit, repo), allowPrivateHosts }
}

/** Hosts are resolved and vetted by whoever connects, at that moment. */
async function stillAllowed(url: string, rules: RemoteRules): Promise<Remote> {
  const remote = parseRemote(url, rules)
  if (remote.kind !== 'local') return remote
  if (rules.localRoots.length === 0) throw invalidRemote(NO_HOST_ACCESS)
  const real = await findLocalRepository(remote.path, rules.localRoots)
  if (real !== remote.path) throw invalidRemote('is no longer a git repository that may be used')
  return remote
}
