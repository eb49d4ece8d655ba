/**
 * Lets one process of the host at a time install a harness. The lock only saves work: correctness comes from
 * giving a finished installation its name in one rename, so a lock that is wrongly taken over does no harm.
 */
import { randomUUID } from 'node:crypto'
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'

const RETRY_MS = 200
const HEARTBEAT_MS = 2_000
/** A lock nobody has touched for so long belongs to a process that is gone. */
const STALE_MS = 15_000

export interface LockOptions {
  /** Called once when somebody else holds the lock. */
  waiting: () => void
  signal?: AbortSignal
}

/** Runs `work` while holding the lock file. Throws the signal's reason when stopped while waiting. */
export async function withInstallLock<T>(
  path: string,
  { waiting, signal }: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const token = randomUUID()
  let hasWaited = false
  while (!(await take(path, token))) {
    if (!hasWaited) waiting()
    hasWaited = true
    signal?.throwIfAborted()
    await Bun.sleep(RETRY_MS)
    if (await isStale(path)) await rm(path, { force: true })
  }
  const heartbeat = setInterval(() => void touch(path), HEARTBEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    // Only our own: a process that slept too long has lost its lock to another.
    if ((await readFile(path, 'utf8').catch(() => null)) === token) await rm(path, { force: true })
  }
}

async function take(path: string, token: string): Promise<boolean> {
  try {
    await writeFile(path, token, { flag: 'wx' })
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

async function isStale(path: string): Promise<boolean> {
  const file = await stat(path).catch(() => null)
  return file !== null && Date.now() - file.mtimeMs > STALE_MS
}

async function touch(path: string): Promise<void> {
  const now = new Date()
  // Gone means somebody took it over; the work goes on all the same.
  await utimes(path, now, now).catch(() => undefined)
}
