/** Gives leftovers back to a checkout, as uncommitted changes (spec README, 41). */
import { tail } from '@mogplex/kit/host-git/run-git.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import type { GitHost } from './host-git.ts'
import { mirrorPath } from './mirror.ts'
import { MIRROR_MOUNT_PATH, readScript, startScript } from './sandbox-git.ts'

export interface ResumeRequest {
  host: GitHost
  provider: SandboxProvider
  sandboxId: string
  repoId: string
  leftovers: { commit: string; from: string }
  signal: AbortSignal
}

const SCRIPT = await readScript('resume-leftovers.sh')
const CONFLICT = 50

/**
 * Merges the whole difference into the checkout, or changes nothing in it: `conflict` where the branch has moved
 * on in the same places, `unreadable` where it could not be tried. Throws `GitStopped`.
 */
export async function resumeLeftovers(
  request: ResumeRequest,
): Promise<'resumed' | 'conflict' | 'unreadable'> {
  const { host, provider, sandboxId, leftovers, signal } = request
  const running = await startScript({
    provider,
    sandboxId,
    script: SCRIPT,
    env: { MIRROR: MIRROR_MOUNT_PATH, LEFT: leftovers.commit, FROM: leftovers.from },
    mirror: mirrorPath(host, request.repoId),
    signal,
  })
  const [, , exitCode] = await Promise.all([tail(running.stdout), tail(running.stderr), running.finish()])
  if (exitCode === 0) return 'resumed'
  return exitCode === CONFLICT ? 'conflict' : 'unreadable'
}
