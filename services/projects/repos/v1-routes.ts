/** `GET /api/v1/mogplex/repos` (projects spec 2.3; v1 contract 7.1). */
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { v1Answer } from '@mogplex/kit/http/v1-answer.ts'
import { clampLimit } from '@mogplex/kit/limit.ts'
import type { ListedRepo } from '@mogplex/proto/wire/repos.ts'
import { V1_PAGE } from '@mogplex/proto/wire/values.ts'
import { Elysia } from 'elysia'
import type { ProjectsKit } from '../environment.ts'
import { searchVisibleRepos } from './store.ts'

export function v1RepoRoutes({ context, database }: ProjectsKit) {
  return new Elysia({ name: 'v1-repos' })
    .use(context)
    .get('/api/v1/mogplex/repos', async ({ context: from, request }) => {
      const query = new URL(request.url).searchParams
      const rows = await searchVisibleRepos(database, userIdOf(from), {
        id: query.get('id')?.trim() ?? '',
        q: query.get('q')?.trim() ?? '',
        limit: clampLimit(query.get('limit'), V1_PAGE),
      })
      return v1Answer({
        repos: rows.map(
          (row): ListedRepo => ({
            id: row.id,
            full_name: row.fullName,
            installation_id: row.githubInstallationId,
            default_branch: row.defaultBranch,
            root_directory: row.rootDirectory,
          }),
        ),
      })
    })
}
