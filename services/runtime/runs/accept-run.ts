/**
 * Accepting a run (v1 contract 3, 4, 7.8): budget, call, run, first event and fact for the others, in one
 * transaction. Two locks serialise it, the key's and the user's; both are only tried, and tried again in a
 * new transaction, so that a request that waits holds no connection. Within a process a user's requests take
 * turns at trying.
 */
import type { Database, Transaction } from '@mogplex/kit/database/connect.ts'
import { brokenUniqueConstraint } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { runAccepted } from '@mogplex/proto/runtime.ts'
import { sql } from 'drizzle-orm'
import { agentRuns, aiCalls, outbox } from '../database/schema.ts'
import { appendEvents, newEvent } from '../events/append.ts'
import type { BudgetDenial } from './budget.ts'
import { budgetUnavailable, claimRunStart } from './budget-store.ts'
import type { StartRunFields } from './fields.ts'
import { findActiveSandbox, findRunByKey } from './store.ts'
import { Turns } from './turns.ts'

/** A checked request with every default filled in. */
export interface RunPlan {
  userId: string
  tokenId: string | null
  requestId: string
  key: string
  requestHash: string
  fields: StartRunFields
  repo: { id: string; fullName: string }
  baseBranch: string
  workingBranch: string
  rootDirectory: string | null
}

export type Acceptance =
  | { kind: 'accepted'; runId: string }
  /** A request with the same key was first; the caller compares the hashes. */
  | { kind: 'known'; run: { id: string; requestHash: string } }

type Attempt =
  | Acceptance
  | { kind: 'denied'; denial: BudgetDenial }
  | { kind: 'busy'; lock: 'key' | 'budget' }

/** By the user's id. */
const turnsOf = new WeakMap<Database, Turns>()

const WAIT_MS = 10_000
const RETRY_MS = 20

/**
 * Resolves once the run is durable. 429 when the budget is used up. While another request with this key is
 * under way it waits, `waitMs` at most, then answers 409.
 */
export async function acceptRun(
  deps: { database: Database; now: () => Date },
  plan: RunPlan,
  waitMs = WAIT_MS,
): Promise<Acceptance> {
  const deadlineMs = performance.now() + waitMs
  const turns = turnsOf.get(deps.database) ?? new Turns()
  turnsOf.set(deps.database, turns)
  for (;;) {
    const attempt = await turns.take(plan.userId, () => tryAccept(deps, plan))
    if (attempt.kind === 'denied') throw rateLimited(attempt.denial)
    if (attempt.kind !== 'busy') return attempt
    if (performance.now() > deadlineMs) throw attempt.lock === 'key' ? stillInFlight() : budgetUnavailable()
    // Uneven, so that many waiters do not come back together.
    await Bun.sleep(RETRY_MS * (0.5 + Math.random()))
  }
}

function rateLimited({ message, retryAfterSeconds }: BudgetDenial): ApiError {
  return new ApiError('RATE_LIMITED', message, { retryAfterSeconds })
}

function stillInFlight(): ApiError {
  return new ApiError('CONFLICT', 'A request with this Idempotency-Key is still in progress', {
    retryAfterSeconds: 1,
  })
}

async function tryAccept(
  { database, now }: { database: Database; now: () => Date },
  plan: RunPlan,
): Promise<Attempt> {
  try {
    return await database.transaction(async (tx): Promise<Attempt> => {
      const { userId, key } = plan
      if (!(await tryLock(tx, `run-key:${userId}:${key}`))) return { kind: 'busy', lock: 'key' }
      const known = await findRunByKey(tx, userId, key)
      if (known) return { kind: 'known', run: known }
      if (!(await tryLock(tx, `run-budget:${userId}`))) return { kind: 'busy', lock: 'budget' }
      // Taken under the lock: the order of the claims is the order of their times.
      const at = now()
      const denial = await claimRunStart(tx, userId, at)
      if (denial) return { kind: 'denied', denial }
      return { kind: 'accepted', runId: await insertRun(tx, plan, at) }
    })
  } catch (err) {
    // The constraint is the last word where a lock was lost with its connection.
    if (brokenUniqueConstraint(err) === 'agent_runs_idempotency') return { kind: 'busy', lock: 'key' }
    throw err
  }
}

async function tryLock(tx: Transaction, name: string): Promise<boolean> {
  const [row] = await tx.execute<{ held: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtextextended(${name}, 0)) as held`,
  )
  return row?.held === true
}

async function insertRun(tx: Transaction, plan: RunPlan, at: Date): Promise<string> {
  const { userId, fields, repo, workingBranch, rootDirectory } = plan
  const { harness } = fields
  const [runId, aiCallId] = [newId(), newId()]
  const sandbox = await findActiveSandbox(tx, { userId, repoId: repo.id, workingBranch, rootDirectory })
  await tx.insert(aiCalls).values({
    id: aiCallId,
    userId,
    type: 'agent',
    model: `harness:${harness}`,
    metadata: callMetadata(plan, sandbox),
    createdAt: at,
  })
  const sandboxRecordId = sandbox?.id ?? null
  await tx.insert(agentRuns).values({ ...runColumns(plan, at), id: runId, aiCallId, sandboxRecordId })
  const accepted = newEvent('started', {
    message: 'External Mogplex run accepted',
    payload: { external_run_id: runId, harness_id: harness, working_branch: workingBranch },
  })
  await appendEvents(tx, aiCallId, [{ ...accepted, createdAt: at }])
  await recordEvent(tx, outbox, {
    event: runAccepted,
    userId,
    requestId: plan.requestId || null,
    payload: { runId, repoId: repo.id, harness },
  })
  return runId
}

/** The part of the row that the plan says. */
function runColumns(plan: RunPlan, at: Date) {
  const { fields } = plan
  return {
    userId: plan.userId,
    workItemId: newId(),
    repoId: plan.repo.id,
    idempotencyKey: plan.key,
    requestHash: plan.requestHash,
    harness: fields.harness,
    prompt: fields.prompt,
    baseBranch: plan.baseBranch,
    workingBranch: plan.workingBranch,
    createBranch: fields.createBranch,
    rootDirectory: plan.rootDirectory,
    mode: fields.mode,
    leftovers: fields.leftovers ?? null,
    conversationId: fields.conversationId,
    workspaceSessionId: fields.workspaceSessionId,
    requestId: plan.requestId || null,
    createdAt: at,
    updatedAt: at,
  }
}

/** What the call remembers of its run (runtime spec 2). */
function callMetadata(plan: RunPlan, sandbox: { id: string; sandboxId: string | null } | null) {
  return {
    source: 'external-api',
    harness_id: plan.fields.harness,
    repo_id: plan.repo.id,
    repo_full_name: plan.repo.fullName,
    base_branch: plan.baseBranch,
    working_branch: plan.workingBranch,
    root_directory: plan.rootDirectory,
    request_hash: plan.requestHash,
    api_key_id: plan.tokenId,
    sandbox_record_id: sandbox?.id ?? null,
    sandbox_id: sandbox?.sandboxId ?? null,
  }
}
