/** One repository, one branch, one person's runs on it, one after another. */
import { join } from 'node:path'
import { connectAsAdmin } from '@mogplex/kit/postgres-server/access.ts'
import { type Account, OPEN_DOORS, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { GIT_ROOT, git, makeRepository, type Remote } from '../system/repositories.ts'
import {
  cancelRun,
  type Run,
  type RunEvent,
  readEvents,
  script,
  startRun,
  waitForEnd,
  waitForEvent,
} from '../system/runs.ts'

/** Fewer than a user may start within a minute. */
const STARTS_AT_ONCE = 9

export interface Bench {
  system: System
  close: () => Promise<unknown>
}

export async function openBench(): Promise<Bench> {
  const env = { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT }
  const system = await startSystem({ env })
  return { system, close: system.stop }
}

export interface RunOptions {
  script: string[]
  /** `cancelled`: cancel it once it has said `ready`. Default: wait for its end. */
  ends?: 'failed' | 'cancelled' | 'success'
  mode?: 'SAFE'
  /** Called once the agent has said `ready`. */
  whenReady?: () => unknown
  fields?: Record<string, unknown>
}

export interface EndedRun {
  run: Run & {
    leftovers?: { runId: string; files: number } | null
    delivery: (NonNullable<Run['delivery']> & { skipped?: { path: string; reason: string }[] }) | null
  }
  events: RunEvent[]
}

export interface Situation {
  remote: Remote
  /** The working branch of every run; the product makes it. */
  branch: string
  /** Throws when it ends otherwise than `ends` says. */
  run: (options: RunOptions) => Promise<EndedRun>
  /** Paths on a branch of the remote. */
  filesOn: (branch: string) => string[]
  /** Paths of commits of other repositories, which nobody else could check out. */
  gitlinksOn: (branch: string) => string[]
  /** Whether the branch contains the commit. */
  isIn: (branch: string, commit: string) => boolean
  /** Of what the run left and the product keeps; null when it is not there. */
  leftoverFile: (runId: string, path: string) => string | null
}

/** With an account of its own: run starts are counted by user. */
export async function makeSituation({ system }: Bench): Promise<Situation> {
  const account = await signUpWithToken(system)
  const { repoId, ...remote } = await makeRepository(system, account)
  const branch = 'topic'
  const mirror = join(system.home, 'runtime/mirrors', `${repoId}.git`)
  let starts = 0
  const makeRoom = async () => {
    starts += 1
    if (starts % STARTS_AT_ONCE === 0) await forgetStarts(system, account)
  }
  return {
    remote,
    branch,
    run: async options => {
      await makeRoom()
      return runOnce(system, account, { repoId, branch }, options)
    },
    filesOn: name => git(remote.path, 'ls-tree', '-r', '--name-only', name).split('\n'),
    gitlinksOn: name =>
      git(remote.path, 'ls-tree', '-r', name)
        .split('\n')
        .filter(line => line.startsWith('160000 ')),
    isIn: (name, commit) => succeeds(() => git(remote.path, 'merge-base', '--is-ancestor', commit, name)),
    leftoverFile(runId, path) {
      const shown = Bun.spawnSync(['git', 'show', `refs/mogplex/leftovers/${runId}:${path}`], {
        env: { PATH: process.env.PATH ?? '', GIT_DIR: mirror },
      })
      return shown.success ? shown.stdout.toString() : null
    },
  }
}

/** Starts are counted by the minute and by the hour; a situation has more of them than that. */
async function forgetStarts({ state }: System, { userId }: Account): Promise<void> {
  const sql = connectAsAdmin(state().databaseUrl)
  await sql`delete from runtime.limit_events where user_id = ${userId}`
  await sql.end()
}

async function runOnce(
  system: System,
  account: Account,
  { repoId, branch }: { repoId: string; branch: string },
  options: RunOptions,
): Promise<EndedRun> {
  const { ends, mode, whenReady, fields } = options
  const started = await startRun(system, account, {
    ...{ repoId, workingBranch: branch, createBranch: true, prompt: script(...options.script) },
    ...(mode ? { mode } : {}),
    ...fields,
  })
  const isReady = ({ message, payload }: RunEvent) => message === 'ready' || payload.text === 'ready'
  if (whenReady || ends === 'cancelled') await waitForEvent(system, account, started.runId, isReady)
  await whenReady?.()
  if (ends === 'cancelled') await cancelRun(system, account, started.runId)
  const run = await waitForEnd(system, account, started.runId)
  if (ends && run.status !== ends) throw new Error(`the run ended as ${run.status}: ${run.error}`)
  return { run, events: await readEvents(system, account, started.runId) }
}

function succeeds(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}
