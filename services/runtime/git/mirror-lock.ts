/** One writer of a mirror's refs at a time, and no lock file that outlives its git. */
import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GitStopped, throwIfStopped } from './failure.ts'
import { removeUnfinishedPacks } from './tidy-mirror.ts'

const tails = new Map<string, Promise<void>>()

/**
 * Runs `work` while no other call of this process writes refs of the mirror, first come, first served. Lock
 * files of a git that was killed are removed first.
 */
export async function withMirrorLock<Result>(
  mirror: string,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const before = tails.get(mirror) ?? Promise.resolve()
  const own = Promise.withResolvers<void>()
  const tail = before.then(() => own.promise)
  tails.set(mirror, tail)
  try {
    await unlessAborted(before, signal)
    await removeStaleLocks(mirror, signal)
    try {
      return await work()
    } finally {
      await removeUnfinishedPacks(mirror)
    }
  } finally {
    own.resolve()
    if (tails.get(mirror) === tail) tails.delete(mirror)
  }
}

async function unlessAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  throwIfStopped(signal)
  const stopped = Promise.withResolvers<never>()
  const onAbort = () => stopped.reject(new GitStopped())
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([turn, stopped.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Git holds lock files of refs and packed refs for milliseconds. One that is older than this was left by a
 * process that was killed; a younger one may belong to an orphan that is about to end.
 */
const STALE_LOCK_MS = 10_000
const LOOK_AGAIN_MS = 100

async function removeStaleLocks(mirror: string, signal: AbortSignal): Promise<void> {
  if (!existsSync(mirror)) return
  const names = [...(await readdir(mirror)), ...(await refFiles(mirror))].filter(name =>
    name.endsWith('.lock'),
  )
  for (const name of names) {
    const path = join(mirror, name)
    let age = await ageMs(path)
    while (age !== null && age <= STALE_LOCK_MS) {
      throwIfStopped(signal)
      await Bun.sleep(LOOK_AGAIN_MS)
      age = await ageMs(path)
    }
    await rm(path, { force: true })
  }
}

async function refFiles(mirror: string): Promise<string[]> {
  return (await readdir(join(mirror, 'refs'), { recursive: true })).map(name => join('refs', name))
}

async function ageMs(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null)
  return found && Date.now() - found.mtimeMs
}
