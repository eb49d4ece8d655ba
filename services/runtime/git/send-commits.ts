/**
 * From a commit in the mirror to a branch of the remote, whatever has become of that branch meanwhile. What somebody
 * else has pushed stays; where the agent's commits do not fit on top of it they go to a branch of their own.
 */
import type { Remote } from '@mogplex/kit/git-remote/parse-remote.ts'
import type { GitResult } from '@mogplex/kit/host-git/run-git.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { BranchInTheWay } from './branch-in-the-way.ts'
import { type CollectRequest, knownCommits } from './collect.ts'
import { deliveryFailure, GitFailure } from './failure.ts'
import { fetchRemote } from './fetch-remote.ts'
import { runHostGit } from './host-git.ts'
import { type Incoming, withIncoming } from './incoming.ts'
import type { CommitInspection } from './inspect-commits.ts'
import { readOwnBranch, recordCreated, recordPushed } from './own-branches.ts'
import { isRefusedForItsPlace, pushBranch } from './push.ts'
import { rebase } from './rebase.ts'
import { pushFailureReason } from './remote-failure.ts'
import { agentBranch } from './sync-checkout.ts'

export interface SendRequest extends CollectRequest {
  source: RepositorySource
  remote: Remote
  mirror: string
  callId: string
  confirm: () => Promise<boolean>
  commit: string
  /** Made beside the working branch, not in place of what is on it. */
  isBeside: boolean
  /** Looks at what the sandbox hands out and takes it into the mirror; throws `delivery_failed`. */
  inspect: (commit: string, incoming: Incoming, more: string[]) => Promise<CommitInspection>
}

export interface Sent {
  branch: string
  commit: string
  /** Where another commit than the one asked for was pushed. */
  changedFiles: number | null
  /** Nothing was pushed: the remote has all of it already. */
  isThere: boolean
  note: string | null
}

const MAX_TRIES = 3
const NOTES = {
  rebased: 'The branch had moved on the remote: the commits were put on top of it',
  replaced: 'The agent has rewritten what was delivered before: it was replaced',
  conflict: 'the branch has moved on the remote, and the changes there and here contradict each other',
  rewritten: 'the agent has rewritten history that the remote has from others',
  beside: 'the commits were not made on what is on the branch',
  restless: 'the branch moved on the remote again and again',
  blocked: 'the remote has another branch whose name is in the way',
} as const

/** Throws `delivery_failed`, and `GitStopped` as `pushBranch` does. */
export async function sendCommits(request: SendRequest): Promise<Sent> {
  const { mirror, checkout, commit } = request
  const { workingBranch: branch, baseCommit, remoteCommit } = checkout
  const result = await push(request, { branch, commit })
  if (result.exitCode !== 0) return await sendToMovedBranch(request, result)
  await (remoteCommit === null
    ? recordCreated(mirror, { branch, commit, from: baseCommit })
    : recordPushed(mirror, { branch, commit, over: remoteCommit }))
  return { branch, commit, changedFiles: null, isThere: false, note: null }
}

/** Where the branch is now decides, and it may move again. */
async function sendToMovedBranch(request: SendRequest, refusal: GitResult): Promise<Sent> {
  const { mirror, checkout } = request
  const branch = checkout.workingBranch
  const hasRewritten =
    checkout.remoteCommit !== null && !(await contains(request, request.commit, checkout.remoteCommit))
  let { commit } = request
  let from = checkout.remoteCommit ?? checkout.baseCommit
  let changedFiles: number | null = null
  let last = refusal
  let lastTip: string | null = null
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    requireRefusedForItsPlace(request, last)
    const tip = await askWhere(request)
    if (tip === null) return await sendElsewhere(request, NOTES.blocked)
    // It is not the place then that the remote does not like.
    if (tip === lastTip) throw pushFailure(request, last)
    lastTip = tip
    let note: string | null = changedFiles === null ? null : NOTES.rebased
    const isOnTop = await contains(request, commit, tip)
    let lease: string | undefined
    if (!isOnTop && hasRewritten) {
      if (!(await mayReplace(request, tip)))
        return await sendElsewhere(request, request.isBeside ? NOTES.beside : NOTES.rewritten)
      lease = tip
      note = NOTES.replaced
    } else if (!isOnTop) {
      const moved = await putOnTop(request, { onto: tip, from, tip: commit })
      if (moved === null) return await sendElsewhere(request, NOTES.conflict)
      note = NOTES.rebased
      if (moved.commit === tip) return { branch, commit: tip, changedFiles: 0, isThere: true, note }
      ;({ commit, changedFiles } = moved)
      from = tip
    }
    last = await push(request, { branch, commit, ...(lease ? { lease } : {}) })
    if (last.exitCode === 0) {
      await recordPushed(mirror, { branch, commit, over: tip })
      return { branch, commit, changedFiles, isThere: false, note }
    }
  }
  requireRefusedForItsPlace(request, last)
  return await sendElsewhere(request, NOTES.restless)
}

/** History may be replaced where all that goes is what we have pushed ourselves, to a branch that we have created. */
async function mayReplace(request: SendRequest, tip: string): Promise<boolean> {
  const { mirror, checkout, commit, isBeside } = request
  if (isBeside || tip !== checkout.remoteCommit) return false
  const own = await readOwnBranch(mirror, checkout.workingBranch)
  return own !== null && own.pushed === tip && (await contains(request, commit, own.theirs))
}

/** Null when it cannot be done without somebody's decision. */
async function putOnTop(
  request: SendRequest,
  { onto, from, tip }: { onto: string; from: string; tip: string },
): Promise<{ commit: string; changedFiles: number } | null> {
  const { host, mirror, checkout, author } = request
  return await withIncoming(host, mirror, async incoming => {
    const known = [...knownCommits(checkout), onto]
    const { workingBranch } = checkout
    const commits = { onto, from, tip, known }
    const commit = await rebase({ ...request, ...commits, workingBranch, committer: author }, incoming)
    if (commit === null) return null
    const { changedFiles } = await request.inspect(commit, incoming, [onto])
    // What the sandbox says it has put on top must be on top.
    if (!(await contains(request, commit, onto))) return null
    return { commit, changedFiles }
  })
}

/** To a new branch; never to one that is there. */
async function sendElsewhere(request: SendRequest, reason: string): Promise<Sent> {
  const { mirror, checkout, commit, callId } = request
  let refusal: GitResult | null = null
  for (const branch of newNames(callId).filter(name => name !== checkout.workingBranch)) {
    const result = await push(request, { branch, commit, lease: null })
    if (result.exitCode === 0) {
      await recordCreated(mirror, { branch, commit, from: checkout.baseCommit })
      return { branch, commit, changedFiles: null, isThere: false, note: noteOf(request, branch, reason) }
    }
    requireRefusedForItsPlace(request, result)
    refusal = result
  }
  throw refusal ? pushFailure(request, refusal) : deliveryFailure('no branch could be made for it')
}

function noteOf({ checkout }: SendRequest, branch: string, reason: string): string {
  return `Not pushed to ${checkout.workingBranch} but to ${branch}: ${reason}`
}

/** The second of a pair is for a remote that has a branch `mogplex`. */
function newNames(callId: string): string[] {
  return [callId, `${callId} again`].flatMap(id => {
    const name = agentBranch(id)
    return [name, name.replace('/', '-')]
  })
}

async function push(
  request: SendRequest,
  what: { branch: string; commit: string; lease?: string | null },
): Promise<GitResult> {
  const { baseBranch } = request.checkout
  return await pushBranch({ ...request, ...what, baseBranch, refused: deliveryFailure })
}

/** Where the branch is on the remote, whose commits the mirror has then; null when it is not there. */
async function askWhere({ checkout, ...request }: SendRequest): Promise<string | null> {
  const { baseBranch, workingBranch } = checkout
  try {
    return (await fetchRemote({ ...request, baseBranch, workingBranch })).workingCommit
  } catch (error) {
    if (error instanceof BranchInTheWay) return null
    if (error instanceof GitFailure) throw deliveryFailure(error.message, error)
    throw error
  }
}

async function contains(
  { host, mirror, signal }: SendRequest,
  commit: string,
  part: string,
): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', part, commit]
  return (await runHostGit({ host, gitDirectory: mirror, args, signal })).exitCode === 0
}

function requireRefusedForItsPlace(request: SendRequest, result: GitResult): void {
  if (!isRefusedForItsPlace(result)) throw pushFailure(request, result)
}

function pushFailure({ log, repoId, source }: SendRequest, result: GitResult): GitFailure {
  log.warn({ event: 'git_push_failed', repoId, exitCode: result.exitCode })
  return deliveryFailure(pushFailureReason(result, source))
}
