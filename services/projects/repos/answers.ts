/** What runtime asks about repos (projects spec 8). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { getRepo, getRepoSource } from '@mogplex/proto/projects.ts'
import type { ProjectsKit } from '../environment.ts'
import { sourceOf } from './source.ts'
import { findRepo, repoOrNotFound } from './store.ts'

export function repoAnswers(kit: ProjectsKit): Answer[] {
  const { database } = kit
  return [
    answer(getRepo, async ({ userId, repoId }) => {
      const found = await findRepo(database, userId, repoId)
      if (!found) return { repo: null }
      const { id, fullName, provider, defaultBranch, rootDirectory } = found.repo
      return { repo: { id, fullName, provider, defaultBranch, rootDirectory } }
    }),
    answer(getRepoSource, async ({ userId, repoId }) => {
      const { repo } = await repoOrNotFound(database, userId, repoId)
      return sourceOf(kit, repo)
    }),
  ]
}
