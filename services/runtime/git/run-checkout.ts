/** Runs checkout.sh: the sandbox's side of a sync. */
import { tail } from '@mogplex/kit/host-git/run-git.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { GitFailure } from './failure.ts'
import type { RemoteBranches } from './fetch-remote.ts'
import { type MissingContent, readMissing } from './missing-content.ts'
import { MIRROR_MOUNT_PATH, readScript, startScript } from './sandbox-git.ts'

export interface CheckoutRequest {
  provider: SandboxProvider
  sandboxId: string
  mirror: string
  baseBranch: string
  workingBranch: string
  /** Whether a working branch that exists nowhere is created from the base branch. */
  createBranch: boolean
  originUrl: string
  /** Looked for whether it has been run in the checkout with what is there now. */
  install?: { key: string; rootDirectory: string | null } | undefined
  fetching: Promise<RemoteBranches>
  /** Other commits that the remote has, or had: what is part of them is nobody's unfinished work. */
  known: Promise<readonly string[]>
  signal: AbortSignal
  log: Log
}

/**
 * `nothing`: only what is nobody's work is changed. `work tree`: what lies about is thrown away, ignored files
 * stay. `all`: the git directory, too.
 */
export type CheckoutReset = 'nothing' | 'work tree' | 'all'

export interface CheckoutResult {
  commit: string
  isFresh: boolean
  /** Whether the working branch was nowhere and starts at the base commit. */
  isCreated: boolean
  /** Whether the install command need not run; false without one. */
  isInstalled: boolean
  /** What the repository keeps elsewhere; null when that is nothing. */
  missing: MissingContent | null
}

const SCRIPT = await readScript(
  'tags.sh',
  'install-inputs.sh',
  'content.sh',
  'reset-checkout.sh',
  'checkout.sh',
)
const RESET_LEVEL: Record<CheckoutReset, string> = { nothing: '0', 'work tree': '1', all: '2' }

const OCCUPIED = 20
const NO_BRANCH = 22
/** The fetch failed, and says so itself. */
const NOTHING_FETCHED = 24

/**
 * Brings the checkout to the working branch. Null: something lies in it that `reset` does not allow to throw
 * away, or its repository does not work. Throws {@link GitFailure} `git_sync_failed`, and `GitStopped`.
 */
export async function runCheckout(
  request: CheckoutRequest,
  reset: CheckoutReset,
): Promise<CheckoutResult | null> {
  const { provider, sandboxId, mirror, install, signal, log } = request
  const env = {
    MIRROR: MIRROR_MOUNT_PATH,
    BASE: request.baseBranch,
    WORKING: request.workingBranch,
    CREATE: request.createBranch ? '1' : '0',
    ORIGIN_URL: request.originUrl,
    RESET: RESET_LEVEL[reset],
    ...(install ? { INSTALL_KEY: install.key, INSTALL_ROOT: install.rootDirectory ?? '' } : {}),
  }
  const stdin = Promise.all([request.fetching, request.known]).then(
    ([{ baseCommit, workingCommit }, known]) => `${[baseCommit, workingCommit ?? '-', ...known].join(' ')}\n`,
  )
  // Whoever awaits the fetch reports it; here it only means that there is nothing to check out.
  stdin.catch(() => undefined)
  const running = await startScript({ provider, sandboxId, script: SCRIPT, env, stdin, mirror, signal })
  const [stdout, , exitCode] = await Promise.all([
    tail(running.stdout),
    tail(running.stderr),
    running.finish(),
  ])
  const done = exitCode === 0 ? readDone(stdout) : null
  if (done) return done
  if (exitCode === OCCUPIED) return null
  // Not what it said: the agent's checkout has a say in that, and no output of an agent belongs into a log.
  if (exitCode !== NOTHING_FETCHED) log.warn({ event: 'git_checkout_failed', sandboxId, exitCode })
  const missing = `The working branch "${request.workingBranch}" does not exist`
  throw new GitFailure(
    'git_sync_failed',
    exitCode === NO_BRANCH ? missing : 'The checkout could not be brought up to date',
  )
}

function readDone(stdout: string): CheckoutResult | null {
  const [, commit, ...fields] = /^([0-9a-f]{40}) ([01]) ([01]) ([01])\n/.exec(stdout) ?? []
  if (!commit) return null
  const [isFresh = false, isCreated = false, isInstalled = false] = fields.map(field => field === '1')
  return { commit, isFresh, isCreated, isInstalled, missing: readMissing(stdout) }
}
