/**
 * Holding a run (runtime spec 2, 1; spec README, 24): the lease is good for 60 s and renewed every 15 s; the
 * cancel flag is read every second, and at once when a wake arrives.
 */
import type { Live } from '@mogplex/kit/bus/live.ts'
import type { Database } from '@mogplex/kit/database/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { liveRunSubject } from '@mogplex/proto/runtime.ts'
import { and, eq, sql } from 'drizzle-orm'
import { agentRuns } from '../database/schema.ts'
import { heldBy } from '../runs/transitions.ts'
import type { Claim } from './claim.ts'

const RENEWALS_PER_LEASE = 4
const CONTROL_POLL_MS = 1_000
const ANSWER_LIMIT_MS = 5_000

/** Why work on a run must stop. */
export type StopReason = 'cancelled' | 'lease-lost' | 'shutdown'

export interface Lease {
  /** Aborted once work must stop; {@link stopReason} says why. */
  signal: AbortSignal
  stopReason: () => StopReason | null
  /** Stops work from outside: the process is shutting down. */
  abort: (reason: StopReason) => void
  /** Ends renewing and watching; the lease itself is given up by the run's last transition. */
  end: () => void
}

export interface LeaseOptions {
  database: Database
  live: Live
  log: Log
  settings: { leaseSeconds: number }
}

/** Starts renewing and watching. A database that is away only counts once the lease has run out. */
export function holdLease(claim: Claim, { database, live, log, settings }: LeaseOptions): Lease {
  const leaseMs = settings.leaseSeconds * 1000
  const controller = new AbortController()
  let reason: StopReason | null = null
  let renewedAtMs = performance.now()
  let isChecking = false

  const abort = (why: StopReason) => {
    // A lost lease is the last word: whatever else the work was stopped for is no longer ours to write.
    if (why === 'lease-lost') reason = why
    reason ??= why
    controller.abort(new Error(why))
  }

  const check = async () => {
    // Renewed after a cancel too: the run is ours until its ending is written.
    if (reason === 'lease-lost') return
    // Here, not where a question failed: one that is never answered must not keep the lease alive.
    if (performance.now() - renewedAtMs > leaseMs) return abort('lease-lost')
    if (isChecking) return
    isChecking = true
    const startedAtMs = performance.now()
    try {
      const isDue = startedAtMs - renewedAtMs >= leaseMs / RENEWALS_PER_LEASE
      const question = isDue ? renew(database, claim, settings.leaseSeconds) : read(database, claim)
      const held = await Promise.race([
        question,
        silenceAfter(Math.min(ANSWER_LIMIT_MS, leaseMs / RENEWALS_PER_LEASE)),
      ])
      if (!held) abort('lease-lost')
      else if (held.controlState === 'cancel_requested') abort('cancelled')
      if (held && isDue) renewedAtMs = startedAtMs
    } catch (err) {
      log.warn({ event: 'lease.unconfirmed', runId: claim.run.id, err })
    } finally {
      isChecking = false
    }
  }

  const timer = setInterval(() => void check(), CONTROL_POLL_MS)
  const stopListening = live.onWake(liveRunSubject(claim.run.id), () => void check())
  return {
    signal: controller.signal,
    stopReason: () => reason,
    abort,
    end: () => {
      clearInterval(timer)
      stopListening()
    },
  }
}

/** A question that a dying connection swallowed must not be what costs the run its lease. */
async function silenceAfter(limitMs: number): Promise<never> {
  await Bun.sleep(limitMs)
  throw new Error('the database does not answer')
}

const held = (claim: Claim) => and(eq(agentRuns.id, claim.run.id), heldBy(claim.leaseToken))

async function renew(database: Database, claim: Claim, leaseSeconds: number) {
  const [row] = await database
    .update(agentRuns)
    .set({ leaseExpiresAt: sql`now() + make_interval(secs => ${leaseSeconds})` })
    .where(held(claim))
    .returning({ controlState: agentRuns.controlState })
  return row
}

async function read(database: Database, claim: Claim) {
  const [row] = await database
    .select({ controlState: agentRuns.controlState })
    .from(agentRuns)
    .where(held(claim))
  return row
}
