/** Where a repo's commits come from and go to, and with which credential (projects spec 6.3, 8). */
import { addressFor } from '@mogplex/kit/git-remote/git-access.ts'
import { parseRemote, type Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { invalidRemote } from '@mogplex/kit/git-remote/refusals.ts'
import type { RemoteAuth, RepositorySource } from '@mogplex/proto/projects.ts'
import type { Repo } from '../database/schema.ts'
import { type ProjectsKit, remoteRules } from '../environment.ts'
import { githubAuth } from '../github/repo-auth.ts'
import { findLocalRepository } from '../remotes/local-repository.ts'
import type { RemoteRules } from '../remotes/vet-remote.ts'
import { type GitRepo, isGitRepo } from './origin.ts'
import { openCredential } from './secrets.ts'

type SourceKit = Pick<ProjectsKit, 'ask' | 'config' | 'github' | 'secrets'>

/**
 * 400 `INVALID_REMOTE` when the settings no longer allow the remote, or the stored path has become a link to
 * somewhere else. `GithubError` when GitHub gives no token for what the App covers.
 */
export async function sourceOf(kit: SourceKit, repo: Repo): Promise<RepositorySource> {
  const { remote, auth } = isGitRepo(repo) ? await plainGit(kit, repo) : await ofGithub(kit, repo)
  return {
    provider: repo.provider,
    cloneUrl: addressFor(remote, auth),
    fullName: repo.fullName,
    defaultBranch: repo.defaultBranch,
    rootDirectory: repo.rootDirectory,
    auth,
  }
}

interface Source {
  remote: Remote
  auth: RemoteAuth
}

async function plainGit({ config, secrets }: SourceKit, repo: GitRepo): Promise<Source> {
  const remote = await stillAllowed(repo.remoteUrl, remoteRules(config))
  return { remote, auth: openCredential(secrets, repo) ?? { kind: 'none' } }
}

/** Whether GitHub may be reached without encryption was decided when the service started. */
async function ofGithub(kit: SourceKit, repo: Repo): Promise<Source> {
  const remote = parseRemote(`${kit.github.webUrl}/${repo.fullName}.git`, { allowHttp: true })
  return { remote, auth: await githubAuth(kit, repo) }
}

/** Hosts are resolved and vetted by whoever connects, at that moment. */
async function stillAllowed(url: string, rules: RemoteRules): Promise<Remote> {
  const remote = parseRemote(url, rules)
  if (remote.kind !== 'local') return remote
  const real = await findLocalRepository(remote.path, rules.localRoots)
  if (real !== remote.path) throw invalidRemote('is no longer a git repository that may be used')
  return remote
}
