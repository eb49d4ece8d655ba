/**
 * How much of the host a remote or an agent may use up by what it hands over. What a remote has grown to over
 * years is one thing, what one run adds to it another.
 */
import { type GitLimits, memoryUpTo, SMALL } from '@mogplex/kit/host-git/limits.ts'

export interface GitBounds {
  /** To ask a remote where its branches are. */
  ask: GitLimits
  /** Where to fetch from a remote; large enough for the largest public repositories. */
  fetch: GitLimits
  /** With more of them on the remote, no tags are taken. */
  tags: number
  /** To push a branch. */
  push: GitLimits
  /** To take the agent's commits in, and to look at them. */
  delivery: GitLimits
  /** Objects (files, directories, commits) of one delivery. */
  deliveredObjects: number
  deliveredCommits: number
  /** Files that differ from the base branch. */
  changedFiles: number
  /** A path's length; longer ones can be checked out nowhere. */
  pathBytes: number
}

const GIB = 1024 ** 3
const MINUTE_MS = 60_000

export const DEFAULT_BOUNDS: GitBounds = {
  // All tags of a remote are named.
  ask: { ...SMALL, outputBytes: 32 * 1024 ** 2 },
  fetch: {
    ...SMALL,
    timeoutMs: 30 * MINUTE_MS,
    cpuSeconds: 3_600,
    memoryBytes: memoryUpTo(4 * GIB),
    fileBytes: 20 * GIB,
  },
  tags: 10_000,
  push: {
    ...SMALL,
    timeoutMs: 10 * MINUTE_MS,
    cpuSeconds: 600,
    memoryBytes: memoryUpTo(2 * GIB),
    fileBytes: 4 * GIB,
  },
  delivery: {
    ...SMALL,
    timeoutMs: 10 * MINUTE_MS,
    cpuSeconds: 120,
    memoryBytes: memoryUpTo(GIB),
    fileBytes: 2 * GIB,
  },
  deliveredObjects: 2_000_000,
  deliveredCommits: 100_000,
  changedFiles: 500_000,
  pathBytes: 4_096,
}

/** Bounds of an operation's host, where it has its own. */
export function boundsOf(host: { bounds?: Partial<GitBounds> }): GitBounds {
  return { ...DEFAULT_BOUNDS, ...host.bounds }
}
