/**
 * Commits what the agent left and takes its commits out of the sandbox. The process that does it can be put into
 * the sandbox while the agent is still ending, and waits there: building a sandbox takes longer than the work.
 */
import type { Log } from '@mogplex/kit/log.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { commitMessage } from './commit-message.ts'
import { deliveryFailure } from './failure.ts'
import type { GitHost } from './host-git.ts'
import type { Incoming } from './incoming.ts'
import { receiveCommits } from './receive-commits.ts'
import { type RunningScript, readScript, startScript } from './sandbox-git.ts'
import { readNotes, type SkippedPath } from './skipped.ts'
import type { SyncedCheckout } from './sync-checkout.ts'

export interface CollectRequest {
  host: GitHost
  provider: SandboxProvider
  sandboxId: string
  repoId: string
  /** What `syncCheckout` returned before the agent started. */
  checkout: SyncedCheckout
  /** Who the run belongs to: author and committer of what the agent left uncommitted. */
  author: { name: string; email: string }
  prompt: string
  signal: AbortSignal
  log: Log
}

/** What the sandbox says it has; the commit is not looked at yet. */
export interface Collected {
  commit: string
  /** What lies in the checkout and is not in the commit. */
  skipped: SkippedPath[]
  /** Made on another branch, with the working branch left as it was: no rewriting of what is there. */
  isBeside: boolean
}

/** Waits in the sandbox, with nothing looked at or touched, until one of the two is called. */
export interface Collector {
  /** What there is to deliver; what the mirror lacks of it is in `incoming` afterwards. Throws `delivery_failed`. */
  collect(incoming: Incoming): Promise<Collected>
  /** Ends it. Does nothing after `collect`. */
  discard(): Promise<void>
}

const SCRIPT = await readScript('stage.sh', 'unstage.sh', 'content.sh', 'collect.sh')

const REASON_BY_EXIT_CODE: Record<number, string> = {
  31: 'the checkout is no longer a readable git repository',
  33: 'no branch with commits is checked out',
  35: 'git could not take the changed files',
}

/** Throws when no process can be started in the sandbox, and `GitStopped` once `signal` is aborted. */
export async function holdCollector(request: CollectRequest): Promise<Collector> {
  const { provider, sandboxId, checkout, author, prompt, signal } = request
  const name = author.name || author.email
  const env = {
    WORKING: checkout.workingBranch,
    START: checkout.headCommit,
    BASE: checkout.baseCommit,
    KNOWN: knownCommits(checkout).join(' '),
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: author.email,
  }
  const input = Promise.withResolvers<string>()
  const running = await startScript({
    provider,
    sandboxId,
    script: SCRIPT,
    env,
    stdin: input.promise,
    signal,
  })
  let isDecided = false
  return {
    collect: incoming => {
      isDecided = true
      input.resolve(`go\n${commitMessage(prompt)}`)
      return receive(request, running, incoming)
    },
    discard: async () => {
      if (isDecided) return
      isDecided = true
      input.reject(new Error('discarded'))
      await Promise.all([running.stdout.cancel(), running.stderr.cancel(), running.stop()])
    },
  }
}

/** Commits of which the mirror has everything. The base commit comes first. */
export function knownCommits({ baseCommit, remoteCommit }: SyncedCheckout): [string, ...string[]] {
  return remoteCommit && remoteCommit !== baseCommit ? [baseCommit, remoteCommit] : [baseCommit]
}

async function receive(
  { host, sandboxId, signal, log }: CollectRequest,
  running: RunningScript,
  incoming: Incoming,
): Promise<Collected> {
  const received = await receiveCommits(running, { host, incoming, signal })
  if (received.kind === 'received') return { commit: received.commit, ...readNotes(received.notes) }
  // Not what it said: the agent's repository has a say in that, and no output of an agent belongs into a log.
  const exitCode = received.kind === 'refused' ? received.exitCode : null
  log.warn({ event: 'git_collect_failed', sandboxId, kind: received.kind, exitCode })
  if (received.kind === 'damaged')
    throw deliveryFailure(`the agent's commits ${received.bound ?? 'are damaged'}`)
  throw deliveryFailure(REASON_BY_EXIT_CODE[received.exitCode ?? -1] ?? 'the changes could not be committed')
}
