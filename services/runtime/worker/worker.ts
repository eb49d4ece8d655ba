/**
 * Starts accepted runs (runtime spec 2): woken when one is accepted, and by a poller that needs nothing but
 * the database, so that a lost wake or a NATS outage only delays.
 */
import type { Database } from '@mogplex/kit/database/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { type Claim, type ClaimOptions, claimNextRun } from './claim.ts'

const POLL_MS = 5_000
/** How often the log says that runs wait for room. */
const SAY_AGAIN_MS = 60_000
/** After the grace period runs are stopped; this long they have for their last transition. */
const LAST_WRITES_MS = 6_000

export interface Worker {
  /** Looks for work now. */
  poke: () => void
  /** Claims no more, waits `graceMs` for running work, then stops what is left. */
  stop: (graceMs: number) => Promise<void>
}

export interface WorkerOptions {
  database: Database
  log: Log
  concurrency: number
  claim: ClaimOptions
  /** Why no run can start now, for lack of something on the host; null: they can. */
  shortage: () => string | null
  /** Runs one claim to its end; never rejects. `shutdown` aborts when the process must go. */
  execute: (claim: Claim, shutdown: AbortSignal) => Promise<void>
}

export function startWorker(options: WorkerOptions): Worker {
  const { log, concurrency } = options
  const shutdown = new AbortController()
  const running = new Set<Promise<void>>()
  let isStopped = false
  let isLooking = false
  let lookAgain = false

  const look = async () => {
    if (isLooking) {
      lookAgain = true
      return
    }
    isLooking = true
    try {
      do {
        lookAgain = false
        while (!isStopped && running.size < concurrency && !isShort()) {
          const claim = await claimNextRun(options.database, options.claim)
          if (!claim) break
          log.info({ event: 'run.claimed', runId: claim.run.id, harness: claim.run.harness })
          const work = options.execute(claim, shutdown.signal).finally(() => {
            running.delete(work)
            void look()
          })
          running.add(work)
        }
      } while (lookAgain && !isStopped)
    } catch (err) {
      log.warn({ event: 'worker.cannot-claim', err })
    } finally {
      isLooking = false
    }
  }

  let saidAtMs = Number.NEGATIVE_INFINITY
  const isShort = () => {
    const reason = options.shortage()
    if (reason && performance.now() - saidAtMs > SAY_AGAIN_MS) {
      saidAtMs = performance.now()
      log.error({ event: 'worker.no-run-starts', reason })
    }
    return reason !== null
  }

  const timer = setInterval(() => void look(), POLL_MS)
  void look()
  return {
    poke: () => void look(),
    stop: async graceMs => {
      isStopped = true
      clearInterval(timer)
      const allDone = () => Promise.all([...running])
      await Promise.race([allDone(), Bun.sleep(graceMs)])
      shutdown.abort()
      await Promise.race([allDone(), Bun.sleep(LAST_WRITES_MS)])
    },
  }
}
