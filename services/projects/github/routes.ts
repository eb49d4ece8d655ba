/** `/api/github` (projects spec 5.3–5.5). */
import { ApiError } from '@mogplex/kit/errors.ts'
import { type RequestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import { Elysia } from 'elysia'
import type { ProjectsKit } from '../environment.ts'
import { withoutUncovered } from '../repos/coverage.ts'
import { presentRepo } from '../repos/present.ts'
import { listRepos } from '../repos/store.ts'
import { GithubError } from './client/github-error.ts'
import { healInstallations } from './installations/heal.ts'
import { presentInstallation } from './installations/present.ts'
import type { LookUp } from './installations/reconcile.ts'
import { createRest } from './installations/rest.ts'
import { listActiveInstallations, listCoveredRepos } from './installations/store.ts'
import { ownersOf } from './owners/owners.ts'
import { singleFlight } from './single-flight.ts'
import { syncNow } from './sync/sync-now.ts'
import { findGithubUser } from './user-token.ts'

export function githubRoutes(kit: ProjectsKit, lookUp: LookUp) {
  const { context, database, github, log, secrets } = kit
  const rest = createRest()
  const once = singleFlight<boolean>()

  return new Elysia({ name: 'github' })
    .use(context)
    .get('/api/github/installations', async ({ context: from, request }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      const isAsked = new URL(request.url).searchParams.get('refresh') === 'true'
      await healInstallations(kit, owner, { isAsked, lookUp, rest })
      const rows = await listActiveInstallations(database, owner.userId)
      const ids = rows.map(row => row.installationId)
      const covered = await listCoveredRepos(database, owner.userId, ids)
      return Response.json(rows.map(row => presentInstallation(row, covered, github.webUrl)))
    })
    .get('/api/github/repos', async ({ context: from }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      assertMayImport(from)
      const isConnected = await once(owner.userId, () => syncNow(kit, owner))
      const rows = await listRepos(database, owner.userId, { withHidden: false })
      if (rows.length === 0 && !isConnected)
        throw new ApiError('NO_GITHUB_CONNECTION', 'No GitHub account is connected; connect one first')
      const visible = withoutUncovered(rows, github.app !== null)
      return Response.json(visible.map(row => presentRepo(row, from.caller, secrets)))
    })
    .get('/api/github/owners', async ({ context: from }) => {
      const userId = userIdOf(from)
      const user = await findGithubUser(kit, userId)
      if (!user) return Response.json([])
      const orgs = await github.api.orgsOf(user.credential).catch(err => {
        if (!(err instanceof GithubError)) throw err
        log.warn({ event: 'github.orgs-unknown', userId, err })
        return []
      })
      return Response.json(ownersOf(user.login, orgs, await listActiveInstallations(database, userId)))
    })
}

/** Reading it imports; a token that may only read may not (projects spec 1). */
function assertMayImport({ caller }: RequestContext): void {
  if (caller.amr === 'pat' && !caller.scp.includes('write'))
    throw new ApiError('FORBIDDEN', 'This token lacks the scope write, which importing needs')
}
