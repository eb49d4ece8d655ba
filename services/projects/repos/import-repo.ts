/** `POST /api/repos`: each kind of repository is imported its own way (projects spec 2.2, 3). */
import { badRequest } from '@mogplex/kit/errors.ts'
import type { Owner, ProjectsKit } from '../environment.ts'
import type { Body } from './fields.ts'
import { importGit } from './import-git.ts'
import { importGithub } from './import-github.ts'
import type { RepoInWorkspace } from './store.ts'

/** 400, 404 for the workspace, 409 `DUPLICATE_REPO`. */
export async function importRepo(kit: ProjectsKit, owner: Owner, body: Body): Promise<RepoInWorkspace> {
  switch (body.provider ?? 'github') {
    case 'git':
      return importGit(kit, owner, body)
    case 'github':
      return importGithub(kit, owner, body)
    default:
      throw badRequest('provider: must be "github" or "git"', { field: 'provider' })
  }
}
