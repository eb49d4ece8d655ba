/**
 * Which branches of a remote this product has created, and what it pushed to each of them last: only there, and only
 * over that commit, may a push replace history (spec README, 42). Kept beside the mirror's refs. A mirror that is
 * made anew knows of none, and then nothing is replaced.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { mirrorRef } from './mirror.ts'

/** A branch that we created. */
export interface OwnBranch {
  /** What we pushed last. */
  pushed: string
  /** The last commit before it that is not ours: what the branch was created from, or what somebody else pushed. */
  theirs: string
}

function recordPath(mirror: string, branch: string): string {
  return join(mirror, 'created', basename(mirrorRef(branch)))
}

/** Null for a branch that we did not create, as far as this mirror knows. */
export async function readOwnBranch(mirror: string, branch: string): Promise<OwnBranch | null> {
  const text = await readFile(recordPath(mirror, branch), 'utf8').catch(() => '')
  const [, pushed, theirs] = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64})\n$/.exec(text) ?? []
  return pushed && theirs ? { pushed, theirs } : null
}

/** To be called after the push that created a branch; `from` is a commit of the remote that it starts from. */
export async function recordCreated(
  mirror: string,
  { branch, commit, from }: { branch: string; commit: string; from: string },
): Promise<void> {
  await write(mirror, branch, { pushed: commit, theirs: from })
}

/** To be called after each other push; `over` is where the remote was. What we did not create stays unrecorded. */
export async function recordPushed(
  mirror: string,
  { branch, commit, over }: { branch: string; commit: string; over: string },
): Promise<void> {
  const before = await readOwnBranch(mirror, branch)
  if (!before) return
  await write(mirror, branch, {
    pushed: commit,
    theirs: before.pushed === over ? before.theirs : over,
  })
}

async function write(mirror: string, branch: string, { pushed, theirs }: OwnBranch): Promise<void> {
  const path = recordPath(mirror, branch)
  await mkdir(join(mirror, 'created'), { recursive: true, mode: 0o755 })
  const fresh = `${path}.${crypto.randomUUID()}`
  await writeFile(fresh, `${pushed} ${theirs}\n`)
  await rename(fresh, path)
}
