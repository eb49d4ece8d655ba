/**
 * Runs that stand still at a stage of their life until they are let go: accepted (the user's slots are taken),
 * cloning (the remote does not answer), harness (the agent waits for a file), delivering (the remote thinks).
 * The agent writes a line to `starts.txt` each time it is started.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import type { Account } from './accounts.ts'
import type { System } from './launch.ts'
import { GIT_ROOT, importRepository, makeRemote, makeRepository, type Remote } from './repositories.ts'
import { getRun, type Run, script, startRun, waitForRun } from './runs.ts'

export type Stage = 'accepted' | 'cloning' | 'harness' | 'delivering'

export interface StagedRun {
  stage: Stage
  account: Account
  runId: string
  repoId: string
  /** The working branch. */
  branch: string
  /** Null while it has none. */
  sandboxId: string | null
  remote: Remote
  /** Lets it go on to its end. */
  letGo: () => void
}

/** Settings of an instance whose runs can be held. */
export const STAGE_SETTINGS = {
  ENABLE_ECHO_HARNESS: 'true',
  LOCAL_GIT_ROOTS: GIT_ROOT,
  GIT_ALLOW_HTTP: 'true',
  GIT_ALLOW_PRIVATE_HOSTS: 'true',
  SANDBOX_MAX_ACTIVE_PER_USER: '3',
  WORKER_CONCURRENCY: '12',
}

/** What the agent does first, so that a second start would show. */
export const NOTE_START = 'run echo started >> starts.txt'

/** Directory of a sandbox's files, `workspace` and `home` in it, as the host sees it. */
export function sandboxFiles({ home }: Pick<System, 'home'>, sandboxId: string): string {
  return join(home, 'runtime/sandboxes', sandboxId)
}

interface HeldRequests {
  /** A request has arrived and waits. */
  hasArrived: boolean
  /** What it waits for. */
  gate: Promise<void>
}

let server: HttpRemote | undefined
const heldByPath = new Map<string, HeldRequests>()

/** The one git server of the test process; held requests wait, and are dropped when their client does not. */
function gitServer(): HttpRemote {
  if (server) return server
  server = serveHttpRemote(GIT_ROOT, null)
  server.intercept = async request => {
    const held = heldByPath.get(new URL(request.url).pathname)
    if (held) held.hasArrived = true
    await held?.gate
    return request.signal.aborted ? new Response(null, { status: 408 }) : null
  }
  return server
}

/** One run at every stage, of one account: three hold its slots, the fourth waits for one. */
export async function runsAtEveryStage(system: System, account: Account): Promise<StagedRun[]> {
  const running = await Promise.all([
    runCloning(system, account),
    runInHarness(system, account),
    runDelivering(system, account),
  ])
  return [...running, await runAccepted(system, account)]
}

/** Waits as long as three other runs of the account hold its slots. */
export async function runAccepted(system: System, account: Account): Promise<StagedRun> {
  const { repoId, ...remote } = await makeRepository(system, account)
  const run = await startRun(system, account, { repoId, prompt: NOTE_START })
  return staged('accepted', account, run, remote, () => undefined)
}

export async function runCloning(system: System, account: Account): Promise<StagedRun> {
  const remote = makeRemote()
  const repoId = await importRepository(system, account, {
    remote_url: `${gitServer().origin}/${remote.name}`,
  })
  const { held, letGo } = hold(`/${remote.name}/git-upload-pack`)
  const run = await startRun(system, account, { repoId, prompt: NOTE_START })
  await until(() => held.hasArrived, 'does not clone')
  return staged('cloning', account, run, remote, letGo)
}

/** `work` are directives the agent follows before it waits. */
export async function runInHarness(system: System, account: Account, ...work: string[]): Promise<StagedRun> {
  const { repoId, ...remote } = await makeRepository(system, account)
  const wait = 'run touch ~/waiting; while [ ! -e ~/go ]; do sleep 0.1; done'
  const { runId } = await startRun(system, account, { repoId, prompt: script(NOTE_START, ...work, wait) })
  const { sandboxId } = await waitForRun(system, account, runId, run => run.sandboxId !== null)
  const files = sandboxFiles(system, sandboxId ?? '')
  await until(() => existsSync(join(files, 'home/waiting')), 'does not reach the harness')
  const run = await getRun(system, account, runId)
  return staged('harness', account, run, remote, () => writeFileSync(join(files, 'home/go'), ''))
}

/** Held at the door of a server: what a local repository is sent cannot be held, since its hooks do not run. */
export async function runDelivering(system: System, account: Account): Promise<StagedRun> {
  const remote = makeRemote()
  const url = `${gitServer().origin}/${remote.name}`
  const repoId = await importRepository(system, account, { remote_url: url })
  const { runId } = await startRun(system, account, {
    repoId,
    // Not before pushes are held: creating the branch is one too.
    prompt: script(NOTE_START, 'run while [ ! -e ~/go ]; do sleep 0.1; done'),
  })
  const { sandboxId } = await waitForRun(system, account, runId, run => run.status === 'streaming')
  const { held, letGo } = hold(`/${remote.name}/git-receive-pack`)
  writeFileSync(join(sandboxFiles(system, sandboxId ?? ''), 'home/go'), '')
  await until(() => held.hasArrived, 'does not deliver')
  return staged('delivering', account, await getRun(system, account, runId), remote, letGo)
}

/** Requests for this path wait until they are let go. */
function hold(path: string): { held: HeldRequests; letGo: () => void } {
  const { promise: gate, resolve: letGo } = Promise.withResolvers<void>()
  const held: HeldRequests = { hasArrived: false, gate }
  heldByPath.set(path, held)
  return { held, letGo }
}

function staged(stage: Stage, account: Account, run: Run, remote: Remote, letGo: () => void): StagedRun {
  return {
    stage,
    account,
    runId: run.runId,
    repoId: run.repoId,
    branch: run.branch.working,
    sandboxId: run.sandboxId,
    remote,
    letGo,
  }
}

async function until(isTrue: () => boolean, complaint: string): Promise<void> {
  if (!(await waitUntil(isTrue, { limitMs: 30_000 }))) throw new Error(`the run ${complaint}`)
}
