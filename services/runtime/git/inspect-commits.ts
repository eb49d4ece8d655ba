/** What the agent's commits are, judged on the host by the objects it has received. */
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import { boundsOf } from './bounds.ts'
import { deliveryFailure } from './failure.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { type Incoming, incomingEnvironment } from './incoming.ts'
import { readChanges } from './read-changes.ts'
import { CONTROL_PATHSPECS } from './sandbox-git.ts'

export interface CommitInspection {
  newCommits: number
  touchesControlDirectory: boolean
  changedFiles: number
  /** References to other repositories that the commit has and the base has not, but for declared submodules. */
  gitlinks: string[]
}

export interface InspectRequest {
  host: GitHost
  incoming: Incoming
  commit: string
  /** Commits that are not the agent's, the base commit first. */
  known: [string, ...string[]]
  signal: AbortSignal
}

/**
 * Looks at `commit` and everything before it down to `known`. Throws `delivery_failed` if it is not there, or is
 * more than a delivery may be: a few objects can stand for any number of paths.
 */
export async function inspectCommits(request: InspectRequest): Promise<CommitInspection> {
  if (request.known.includes(request.commit)) {
    return { newCommits: 0, touchesControlDirectory: false, changedFiles: 0, gitlinks: [] }
  }
  const { deliveredCommits } = boundsOf(request.host)
  const range = [request.commit, ...request.known.map(commit => `^${commit}`)]
  const stop = new AbortController()
  const bounded = { ...request, signal: AbortSignal.any([request.signal, stop.signal]) }
  const work = [
    git(bounded, ['rev-list', '--count', `--max-count=${deliveredCommits + 1}`, ...range, '--']),
    // --full-history: a change that a later merge has undone is still in the history that would be pushed.
    git(bounded, ['rev-list', '--full-history', '--max-count=1', ...range, '--', ...CONTROL_PATHSPECS]),
    readChangedFiles(bounded),
  ] as const
  try {
    const [count, touching, changes] = await Promise.all(work)
    assertWithin(count, touching)
    const newCommits = Number(count.stdout)
    if (newCommits > deliveredCommits) throw tooMuch(`have more than ${deliveredCommits} commits`)
    const gitlinks = changes.gitlinks.length === 0 ? [] : await undeclared(bounded, changes.gitlinks)
    return {
      newCommits,
      touchesControlDirectory: touching.stdout !== '',
      changedFiles: changes.count,
      gitlinks,
    }
  } finally {
    // What one of them has found to be too much need not be looked at by the others.
    stop.abort()
    await Promise.allSettled(work)
  }
}

function assertWithin(...results: GitResult[]): void {
  const exceeded = results.find(result => result.exceeded)?.exceeded
  if (exceeded) throw tooMuch(`could not be checked: that ${exceeded.text}`)
  if (results.some(result => result.exitCode !== 0))
    throw deliveryFailure("the agent's commits are incomplete")
}

function tooMuch(how: string) {
  return deliveryFailure(`the agent's commits ${how}`)
}

interface ChangedFiles {
  count: number
  gitlinks: string[]
}

/** From the merge base on; a history that has nothing in common with the base is compared as a whole. */
async function readChangedFiles(request: InspectRequest): Promise<ChangedFiles> {
  const [base] = request.known
  const sinceMergeBase = await readRange(request, `${base}...${request.commit}`)
  const found = sinceMergeBase ?? (await readRange(request, `${base}..${request.commit}`))
  return found ?? { count: 0, gitlinks: [] }
}

/** Null when git knows no such range. */
async function readRange(request: InspectRequest, range: string): Promise<ChangedFiles | null> {
  const { changedFiles, pathBytes } = boundsOf(request.host)
  const changes = readChanges({ maxPaths: changedFiles, maxPathBytes: pathBytes })
  const args = ['diff', '--raw', '-z', '--no-abbrev', '--no-ext-diff', '--no-textconv', range, '--']
  const result = await git(request, args, changes.read)
  if (changes.isTooLong()) throw tooMuch(`have a path longer than ${pathBytes} bytes`)
  if (changes.isTooMany()) throw tooMuch(`change more than ${changedFiles} files`)
  if (result.exceeded) assertWithin(result)
  return result.exitCode === 0 ? { count: changes.count(), gitlinks: changes.gitlinks() } : null
}

/** Without those that `.gitmodules` of the commit names. */
async function undeclared(request: InspectRequest, gitlinks: string[]): Promise<string[]> {
  const blob = `${request.commit}:.gitmodules`
  const key = '^submodule\\..*\\.path$'
  const result = await git(request, ['config', '--no-includes', '-z', '--blob', blob, '--get-regexp', key])
  const declared = new Set(result.stdout.split('\0').map(entry => entry.slice(entry.indexOf('\n') + 1)))
  return gitlinks.filter(path => !declared.has(path))
}

async function git(
  { host, incoming, signal }: InspectRequest,
  args: string[],
  onStdout?: (chunk: Uint8Array) => boolean,
): Promise<GitResult> {
  return await runHostGit({
    host,
    gitDirectory: incoming.mirror,
    args,
    env: incomingEnvironment(incoming),
    signal,
    limits: boundsOf(host).delivery,
    ...(onStdout ? { onStdout } : {}),
  })
}
