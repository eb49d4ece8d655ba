/** Puts the agent's commits on top of what somebody else has pushed meanwhile, inside the sandbox. */
import type { Log } from '@mogplex/kit/log.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import type { GitHost } from './host-git.ts'
import type { Incoming } from './incoming.ts'
import { receiveCommits } from './receive-commits.ts'
import { MIRROR_MOUNT_PATH, readScript, startScript } from './sandbox-git.ts'

export interface RebaseRequest {
  host: GitHost
  provider: SandboxProvider
  sandboxId: string
  workingBranch: string
  /** Who commits; the authors stay. */
  committer: { name: string; email: string }
  /** Where the remote's branch is; the mirror has it. */
  onto: string
  /** The agent's commits are those after `from`, up to `tip`. */
  from: string
  tip: string
  /** Commits of which the mirror has everything. */
  known: string[]
  signal: AbortSignal
  log: Log
}

const SCRIPT = await readScript('rebase.sh')
const CONFLICT = 41

/**
 * The last of the new commits, whose objects are in `incoming`: what the sandbox claims, to be looked at as any other.
 * Null when the changes contradict each other, or it could not be done. Throws `GitStopped` after an abort.
 */
export async function rebase(request: RebaseRequest, incoming: Incoming): Promise<string | null> {
  const { host, provider, sandboxId, committer, signal, log } = request
  const running = await startScript({
    provider,
    sandboxId,
    script: SCRIPT,
    mirror: incoming.mirror,
    env: {
      MIRROR: MIRROR_MOUNT_PATH,
      WORKING: request.workingBranch,
      ONTO: request.onto,
      FROM: request.from,
      TIP: request.tip,
      KNOWN: request.known.join(' '),
      GIT_COMMITTER_NAME: committer.name || committer.email,
      GIT_COMMITTER_EMAIL: committer.email,
    },
    signal,
  })
  const received = await receiveCommits(running, { host, incoming, signal })
  if (received.kind === 'received') return received.commit
  const exitCode = received.kind === 'refused' ? received.exitCode : null
  if (exitCode !== CONFLICT)
    log.warn({ event: 'git_rebase_failed', sandboxId, kind: received.kind, exitCode })
  return null
}
