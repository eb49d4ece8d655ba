/**
 * Starting a run (v1 contract 2, 4, 7.8): the order of the checks behind the fields, so that a refused
 * request costs nothing and stores nothing.
 */
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import type { Database } from '@mogplex/kit/database/connect.ts'
import { ApiError, badRequest, notFound } from '@mogplex/kit/errors.ts'
import { isUuid } from '@mogplex/kit/validation.ts'
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import { getUser } from '@mogplex/proto/identity.ts'
import { getRepo } from '@mogplex/proto/projects.ts'
import { acceptRun, type RunPlan } from './accept-run.ts'
import { generatedBranch } from './branch-name.ts'
import type { StartRunFields } from './fields.ts'
import { requestHash } from './request-hash.ts'
import { findRunByKey, type RunView, requireRun } from './store.ts'

export interface StartRunDeps {
  database: Database
  ask: Asker
  now: () => Date
  /** Tells the workers that there is work. */
  wakeWorkers: () => void
  pokeOutbox: () => void
}

export interface StartRunRequest {
  userId: string
  /** The token's id, kept with the call. */
  tokenId: string | null
  requestId: string
  key: string
  fields: StartRunFields
}

type Repo = NonNullable<ReplyOf<typeof getRepo>['repo']>

/** The accepted run, or the one the same request was answered with before. */
export async function startRun(
  deps: StartRunDeps,
  request: StartRunRequest,
): Promise<{ view: RunView; replayed: boolean }> {
  const { userId, key } = request
  const hash = requestHash(request.fields)
  const known = await findRunByKey(deps.database, userId, key)
  if (known) return replay(deps, userId, known, hash)
  const repo = await ownedRepo(deps, request)
  const plan = planRun(request, repo, hash, deps.now())
  await requireSandboxAccess(deps, request)

  const accepted = await acceptRun(deps, plan)
  if (accepted.kind === 'known') return replay(deps, userId, accepted.run, hash)
  deps.pokeOutbox()
  deps.wakeWorkers()
  return { view: await requireRun(deps.database, userId, accepted.runId), replayed: false }
}

/** The run in its present state; the same key for another request is refused. */
async function replay(
  deps: StartRunDeps,
  userId: string,
  known: { id: string; requestHash: string },
  hash: string,
): Promise<{ view: RunView; replayed: boolean }> {
  if (known.requestHash !== hash)
    throw new ApiError('IDEMPOTENCY_CONFLICT', 'Idempotency key already used for a different request')
  return { view: await requireRun(deps.database, userId, known.id), replayed: true }
}

async function ownedRepo(deps: StartRunDeps, { userId, requestId, fields }: StartRunRequest): Promise<Repo> {
  const { repoId } = fields
  const { repo } = isUuid(repoId)
    ? await deps.ask(getRepo, { userId, repoId }, { userId, requestId })
    : { repo: null }
  if (!repo) throw notFound('Repo not found')
  return repo
}

/** Fills in the repo's defaults and checks what only then can be checked. */
function planRun(request: StartRunRequest, repo: Repo, hash: string, now: Date): RunPlan {
  const { fields, key } = request
  const baseBranch = fields.baseBranch ?? (repo.defaultBranch || 'main')
  const { createBranch } = fields
  if (createBranch && fields.workingBranch === baseBranch)
    throw badRequest('Working branch must differ from base branch when createBranch is true')
  const unnamed = createBranch
    ? generatedBranch({ prompt: fields.prompt, key, requestHash: hash, now })
    : baseBranch
  return {
    ...request,
    requestHash: hash,
    repo: { id: repo.id, fullName: repo.fullName },
    baseBranch,
    workingBranch: fields.workingBranch ?? unnamed,
    rootDirectory: fields.rootDirectory === undefined ? repo.rootDirectory : fields.rootDirectory,
  }
}

async function requireSandboxAccess(
  deps: StartRunDeps,
  { userId, requestId }: StartRunRequest,
): Promise<void> {
  const { user } = await deps.ask(getUser, { userId }, { userId, requestId })
  if (!user || user.disabled || !user.platformAccess.sandbox)
    throw new ApiError('FORBIDDEN', 'This account may not use the sandboxes of this instance')
}
