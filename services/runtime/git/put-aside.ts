/**
 * Puts aside what lies in a checkout (spec README, 41): into the mirror where that can be, else into a directory
 * of the sandbox. Afterwards nothing in the checkout is needed any more. Nothing is thrown away here.
 */
import { tail } from '@mogplex/kit/host-git/run-git.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { GitFailure } from './failure.ts'
import type { GitHost } from './host-git.ts'
import { acceptIncoming, withIncoming } from './incoming.ts'
import { commitsInMirror, keepLeftovers, type Leftovers, measureLeftovers } from './leftovers.ts'
import { receiveCommits } from './receive-commits.ts'
import { MIRROR_MOUNT_PATH, readScript, startScript } from './sandbox-git.ts'

export interface PutAsideRequest {
  host: GitHost
  provider: SandboxProvider
  sandboxId: string
  mirror: string
  workingBranch: string
  /** The run whose name they get. */
  leftBy: string
  /** Commits that the remote has or had, in the order in which a checkout without any commit is compared with them. */
  known: readonly [string, ...string[]]
  signal: AbortSignal
  log: Log
}

export type PutAside =
  | { kind: 'nothing' }
  | { kind: 'kept'; leftovers: Leftovers; isWhole: boolean }
  /** They were too much or too broken for the mirror: the directory, relative to the work tree, has all of it. */
  | { kind: 'moved'; leftBy: string; directory: string; reason: string }

const COMMIT_SCRIPT = await readScript('put-aside.sh')
const MOVE_SCRIPT = await readScript('move-aside.sh')
const NOTHING_LEFT = 40

const AUTHOR = {
  GIT_AUTHOR_NAME: 'Mogplex',
  GIT_AUTHOR_EMAIL: 'mogplex@localhost',
  GIT_COMMITTER_NAME: 'Mogplex',
  GIT_COMMITTER_EMAIL: 'mogplex@localhost',
}

/** Throws {@link GitFailure} when the files cannot even be moved, and `GitStopped`. */
export async function putAside(request: PutAsideRequest): Promise<PutAside> {
  const { host, mirror, signal, log, sandboxId } = request
  const [fallback, ...others] = request.known
  const known = await commitsInMirror({ host, mirror, signal }, [fallback, ...others])
  const whole = await commitAside(request, known, 'all')
  if (whole.kind === 'nothing') return whole
  if (whole.kind === 'kept') return { ...whole, isWhole: true }
  log.warn({ event: 'git_leftovers_not_whole', sandboxId, reason: whole.reason })
  const files = whole.isTooMuch ? whole : await commitAside(request, known, 'files')
  if (files.kind === 'nothing') return files
  if (files.kind === 'kept') {
    const notKept = ['commits that could not be read', ...files.leftovers.notKept]
    return { kind: 'kept', leftovers: { ...files.leftovers, notKept }, isWhole: false }
  }
  log.warn({ event: 'git_leftovers_not_kept', sandboxId, reason: files.reason })
  return await moveAside(request, files.reason)
}

type Attempt =
  | { kind: 'nothing' }
  | { kind: 'kept'; leftovers: Leftovers }
  | { kind: 'impossible'; reason: string; isTooMuch: boolean }

async function commitAside(
  request: PutAsideRequest,
  known: readonly string[],
  mode: 'all' | 'files',
): Promise<Attempt> {
  const { host, provider, sandboxId, mirror, leftBy, signal } = request
  const impossible = (reason: string, isTooMuch = false): Attempt => ({
    kind: 'impossible',
    reason,
    isTooMuch,
  })
  return await withIncoming(host, mirror, async incoming => {
    const running = await startScript({
      provider,
      sandboxId,
      script: COMMIT_SCRIPT,
      env: {
        ...AUTHOR,
        MIRROR: MIRROR_MOUNT_PATH,
        WORKING: request.workingBranch,
        LEFT_BY: leftBy,
        MODE: mode,
      },
      stdin: `${known[0] ?? ''} ${known.join(' ')}\n`,
      mirror,
      signal,
    })
    const received = await receiveCommits(running, { host, incoming, signal })
    if (received.kind === 'refused')
      return received.exitCode === NOTHING_LEFT ? { kind: 'nothing' } : impossible('git could not read it')
    if (received.kind === 'damaged')
      return impossible(
        received.bound ? `what it left would ${received.bound}` : 'objects are damaged',
        received.bound !== null,
      )
    const { commit } = received
    const leftovers = await measureLeftovers({ host, incoming, signal }, { commit, known, leftBy })
    if (!leftovers) return impossible('it is incomplete, or too much')
    await acceptIncoming(incoming)
    await keepLeftovers({ host, mirror, signal }, leftovers)
    return { kind: 'kept', leftovers }
  })
}

async function moveAside(request: PutAsideRequest, reason: string): Promise<PutAside> {
  const { provider, sandboxId, leftBy, signal } = request
  const env = { LEFT_BY: leftBy }
  const running = await startScript({ provider, sandboxId, script: MOVE_SCRIPT, env, signal })
  const [stdout, , exitCode] = await Promise.all([
    tail(running.stdout),
    tail(running.stderr),
    running.finish(),
  ])
  const directory = `.mogplex/leftovers/${leftBy}`
  if (exitCode !== 0 || !stdout.startsWith(directory))
    throw new GitFailure(
      'git_sync_failed',
      'What the last run left in the checkout could neither be kept nor moved aside: stop this sandbox to start over',
    )
  return { kind: 'moved', leftBy, directory: stdout.trim(), reason }
}
