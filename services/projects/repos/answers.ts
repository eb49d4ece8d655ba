/** What runtime asks about repos (projects spec 8). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { addressFor } from '@mogplex/kit/git-remote/git-access.ts'
import { parseRemote, type Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { invalidRemote } from '@mogplex/kit/git-remote/refusals.ts'
import { getRepo, getRepoSource } from '@mogplex/proto/projects.ts'
import { type ProjectsKit, remoteRules } from '../environment.ts'
import { findLocalRepository } from '../remotes/local-repository.ts'
import type { RemoteRules } from '../remotes/vet-remote.ts'
import { openCredential } from './secrets.ts'
import { findRepo, repoOrNotFound } from './store.ts'

export function repoAnswers({ database, secrets, config }: ProjectsKit): Answer[] {
  const rules = remoteRules(config)
  return [
    answer(getRepo, async ({ userId, repoId }) => {
      const found = await findRepo(database, userId, repoId)
      if (!found) return { repo: null }
      const { id, fullName, provider, defaultBranch, rootDirectory } = found.repo
      return { repo: { id, fullName, provider, defaultBranch, rootDirectory } }
    }),
    answer(getRepoSource, async ({ userId, repoId }) => {
      const { repo } = await repoOrNotFound(database, userId, repoId)
      const remote = await stillAllowed(repo.remoteUrl, rules)
      const auth = openCredential(secrets, repo) ?? { kind: 'none' as const }
      return {
        provider: repo.provider,
        cloneUrl: addressFor(remote, auth),
        fullName: repo.fullName,
        defaultBranch: repo.defaultBranch,
        rootDirectory: repo.rootDirectory,
        auth,
      }
    }),
  ]
}

/**
 * 400 `INVALID_REMOTE` when the settings no longer allow the remote, or the stored path has become a link to
 * somewhere else. Hosts are resolved and vetted by whoever connects, at that moment.
 */
async function stillAllowed(url: string, rules: RemoteRules): Promise<Remote> {
  const remote = parseRemote(url, rules)
  if (remote.kind !== 'local') return remote
  const real = await findLocalRepository(remote.path, rules.localRoots)
  if (real !== remote.path) throw invalidRemote('is no longer a git repository that may be used')
  return remote
}
