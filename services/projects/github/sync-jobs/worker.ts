/** Does the syncs that are queued, again and again until GitHub answers (projects spec 7.1). */
import { isDatabaseAway } from '@mogplex/kit/database/connect.ts'
import type { SyncJob } from '../../database/schema.ts'
import type { ProjectsBase } from '../../environment.ts'
import { GithubError } from '../client/github-error.ts'
import type { Github } from '../github.ts'
import { syncInstallation } from '../sync/sync.ts'
import { delaySyncJob, endSyncJob, takeSyncJob } from './store.ts'

const POLL_MS = 5_000
const STOP_LIMIT_MS = 2_000
const MAX_ATTEMPTS = 10
const MAX_DELAY_SECONDS = 300

export interface SyncWorker {
  /** Looks for work now instead of at the next poll. Call after a commit that queued some. */
  poke: () => void
  /** A sync that is under way then is left to whoever takes it up next. */
  stop: () => Promise<void>
}

/** A second, doubling to five minutes; longer only where GitHub asks for it. Null: it was tried often enough. */
export function nextDelaySeconds(attempts: number, askedSeconds = 0): number | null {
  if (attempts >= MAX_ATTEMPTS) return null
  return Math.max(askedSeconds, Math.min(2 ** (attempts - 1), MAX_DELAY_SECONDS))
}

type WorkKit = Pick<ProjectsBase, 'database' | 'log' | 'pokeOutbox'> & { github: Github }

export function startSyncWorker(kit: WorkKit): SyncWorker {
  let isStopped = false
  let underWay: SyncJob | null = null
  let isPoked = false
  let wake: () => void = () => undefined
  const pause = async () => {
    if (!isPoked) {
      const woken = Promise.withResolvers<void>()
      const timer = setTimeout(woken.resolve, POLL_MS)
      wake = woken.resolve
      await woken.promise
      clearTimeout(timer)
    }
    isPoked = false
  }
  const poke = () => {
    isPoked = true
    wake()
  }
  const loop = async () => {
    while (!isStopped) {
      try {
        underWay = await takeSyncJob(kit.database)
        if (underWay) await work(kit, underWay)
        else await pause()
        underWay = null
      } catch (err) {
        if (isStopped) return
        underWay = null
        kit.log.warn({ event: 'github.sync-jobs-waiting', err })
        await pause()
      }
    }
  }
  const finished = loop()
  return {
    poke,
    stop: async () => {
      isStopped = true
      poke()
      await Promise.race([finished, Bun.sleep(STOP_LIMIT_MS)])
      // Otherwise nobody would touch it before its lease is over.
      if (!underWay) return
      await delaySyncJob(kit.database, underWay, 0).catch((err: unknown) => {
        kit.log.warn({ event: 'github.sync-job-kept', err })
      })
    },
  }
}

/** Without an App a job is dropped: nothing can be done about it. */
async function work(kit: WorkKit, job: SyncJob): Promise<void> {
  const { database, github, log } = kit
  const { userId, requestId, installationId, attempts } = job
  // Whoever took it up that often came to no end with it, not even to a failure.
  if (attempts > MAX_ATTEMPTS) return giveUp(kit, job, null)
  try {
    if (github.app) await syncInstallation(kit, github.app, { userId, requestId }, installationId)
    await endSyncJob(database, job)
  } catch (err) {
    if (isDatabaseAway(err)) throw err
    const delay = nextDelaySeconds(attempts, err instanceof GithubError ? err.retryAfterSeconds : 0)
    if (delay === null) return giveUp(kit, job, err)
    log.warn({ event: 'github.sync-failed', userId, installationId, attempts, err })
    await delaySyncJob(database, job, delay)
  }
}

async function giveUp({ database, log }: WorkKit, job: SyncJob, err: unknown): Promise<void> {
  const { userId, installationId } = job
  log.error({ event: 'github.sync-given-up', userId, installationId, err })
  await endSyncJob(database, job)
}
