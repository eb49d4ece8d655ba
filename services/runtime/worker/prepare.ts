/**
 * From a claim to a sandbox that is ready for the harness (runtime spec 2, items 2 and 3; 3.1; 3.4). Nothing
 * here starts an agent, so everything may be repeated by another worker.
 */

import { and, eq } from 'drizzle-orm'
import { agentRuns, sandboxes } from '../database/schema.ts'
import type { NewEvent } from '../events/append.ts'
import { takeBaseline } from '../git/baseline.ts'
import { GitFailure, RemoteOutage } from '../git/failure.ts'
import { describeMissing } from '../git/missing-content.ts'
import type { PutAside } from '../git/put-aside.ts'
import { type SyncedCheckout, syncCheckout } from '../git/sync-checkout.ts'
import type { Harness, HarnessInstallation } from '../harnesses/harness.ts'
import { ensureHarnessInstalled, InstallFailure } from '../harnesses/installation.ts'
import { sandboxPast } from '../runs/leftovers-store.ts'
import { heldBy } from '../runs/transitions.ts'
import { changeSandbox } from '../sandboxes/lifecycle.ts'
import { WORKSPACE_PATH } from '../sandboxes/provider.ts'
import { type Claim, mayPush } from './claim.ts'
import type { RunDeps } from './deps.ts'
import { stageEvent } from './event-mapping.ts'
import type { EventWriter } from './event-writer.ts'
import { type HeldAgent, holdAgent } from './held-agent.ts'
import type { RunInputs } from './inputs.ts'
import { runInstallCommand } from './install-command.ts'
import { installKey } from './install-process.ts'
import type { Lease } from './lease.ts'
import { leftoversPayload, noteLeftovers, resumeIfAsked } from './leftovers-of-run.ts'
import { noteRemoteOutage } from './remote-wait.ts'
import { isOutage, RunFailure } from './run-failure.ts'
import { modeOf } from './started-run.ts'

export interface PreparedRun {
  sandboxId: string
  checkout: SyncedCheckout
  agent: HeldAgent
  /** To be stored when the run starts streaming. */
  events: NewEvent[]
}

export interface PrepareContext {
  claim: Claim
  lease: Lease
  harness: Harness
  inputs: RunInputs
  /** Kept out of everything that is stored. */
  secrets: readonly string[]
  writer: EventWriter
  deps: RunDeps
}

/** Throws {@link RunFailure}; an aborted lease ends it early with whatever the aborted step throws. */
export async function prepareRun(context: PrepareContext): Promise<PreparedRun> {
  const [installation, sandboxId] = await Promise.all([installHarness(context), createSandbox(context)])
  const recorded = recordSandbox(context, sandboxId)
  const found: Found[] = []
  const syncing = syncGit(context, { sandboxId, recorded, found })
  // A little later than the sync, which everything waits for: both take processors to build a sandbox.
  const holding = recorded.then(() => holdTheAgent(context, sandboxId, installation))
  const [synced, held] = await Promise.allSettled([syncing, holding])
  if (held.status === 'rejected') {
    await syncing
    throw held.reason
  }
  const agent = held.value
  try {
    if (synced.status === 'rejected') throw synced.reason
    const checkout = synced.value
    await nameBranch(context, checkout)
    const events = [syncedEvent(context, checkout, found), ...missingEvents(checkout)]
    // The command's own events come after it.
    if (context.inputs.launchConfig.installCommand && !checkout.isInstalled) {
      await context.writer.add(events.splice(0))
      await runInstallCommand(context, sandboxId)
      await takeBaseline({ ...context.deps, sandboxId, checkout, signal: context.lease.signal })
    }
    // What is given back is the agent's work, so it comes when all that is not has been done.
    events.push(...(await resumeIfAsked(context, sandboxId)))
    return { sandboxId, checkout, agent, events }
  } catch (cause) {
    await agent.discard()
    throw cause
  }
}

function holdTheAgent(
  { claim, harness, inputs, deps }: PrepareContext,
  sandboxId: string,
  installation: HarnessInstallation | null,
): Promise<HeldAgent> {
  const { run } = claim
  const { provider, settings } = deps
  const rootPath = run.rootDirectory ? `${WORKSPACE_PATH}/${run.rootDirectory}` : WORKSPACE_PATH
  const input = {
    prompt: run.prompt,
    rootPath,
    mode: modeOf(run),
    model: inputs.model,
    credential: inputs.credential,
    openaiBaseUrl: settings.openaiBaseUrl,
    anthropicBaseUrl: settings.anthropicBaseUrl,
    aiGatewayBaseUrl: settings.aiGatewayBaseUrl,
    repositoryEnv: inputs.launchConfig.env,
  }
  return holdAgent(harness.command(input, installation), {
    provider,
    sandboxId,
    rootPath,
    author: inputs.author,
  })
}

async function installHarness({
  harness,
  lease,
  writer,
  deps,
}: PrepareContext): Promise<HarnessInstallation | null> {
  if (!harness.npmPackage) return null
  try {
    return await ensureHarnessInstalled({
      npmPackage: harness.npmPackage,
      version: deps.settings.harnessVersions[harness.id],
      directory: `${deps.settings.dataDirectory}/harnesses`,
      signal: lease.signal,
      onProgress: line => void writer.add([stageEvent('install', line)]),
    })
  } catch (cause) {
    if (cause instanceof InstallFailure) throw new RunFailure('install_failed', cause.message, { cause })
    throw cause
  }
}

async function createSandbox({ claim, deps }: PrepareContext): Promise<string> {
  try {
    return await deps.provider.create(claim.sandbox.id)
  } catch (cause) {
    if (isOutage(cause)) throw cause
    const message = `The sandbox could not be created: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new RunFailure('sandbox_lost', message, { cause })
  }
}

async function recordSandbox({ claim, deps }: PrepareContext, sandboxId: string): Promise<unknown> {
  const { run, sandbox } = claim
  if (sandbox.sandboxId === sandboxId) return sandbox
  return changeSandbox(deps.database, sandbox.id, {
    from: ['creating', 'installing', 'running'],
    to: sandbox.status === 'running' ? 'running' : 'installing',
    sandboxId,
    workerRunId: run.id,
  })
}

type Found = Exclude<PutAside, { kind: 'nothing' }>

/** `recorded`: until it is, the record says that nothing can be in the sandbox. `found` gets what is put aside. */
async function syncGit(
  context: PrepareContext,
  { sandboxId, recorded, found }: { sandboxId: string; recorded: Promise<unknown>; found: Found[] },
): Promise<SyncedCheckout> {
  const { claim, inputs, lease, writer, deps } = context
  const { run } = claim
  const isNewSandbox = claim.sandbox.sandboxId === null
  const past = isNewSandbox ? undefined : sandboxPast(deps.database, run)
  // The sync awaits them, should it get that far.
  for (const awaited of [recorded, past]) awaited?.catch(() => undefined)
  const { installCommand: command } = inputs.launchConfig
  const { rootDirectory } = run
  try {
    return await syncCheckout({
      host: deps.gitHost,
      provider: deps.provider,
      sandboxId,
      isNewSandbox,
      ...(past ? { past } : {}),
      onPutAside: async aside => {
        found.push(aside)
        await noteLeftovers(context, aside)
      },
      recorded,
      repoId: run.repoId,
      source: inputs.source,
      baseBranch: run.baseBranch,
      workingBranch: run.workingBranch,
      createBranch: run.createBranch,
      ...(command ? { install: { key: installKey({ command, rootDirectory }), rootDirectory } } : {}),
      callId: run.aiCallId,
      confirm: () => mayPush(claim, { database: deps.database, signal: lease.signal }),
      signal: lease.signal,
      log: deps.log,
    })
  } catch (cause) {
    if (cause instanceof RemoteOutage) await noteRemoteOutage(writer, cause)
    else if (cause instanceof GitFailure) throw new RunFailure(cause.code, cause.message, { cause })
    throw cause
  }
}

function missingEvents({ missing }: SyncedCheckout): NewEvent[] {
  if (!missing) return []
  return describeMissing(missing).map(({ message, payload }) =>
    stageEvent('git_sync', message, { level: 'warning', ...payload }),
  )
}

/** The remote had no room for the generated name: from here on the run, and its sandbox, have the other one. */
async function nameBranch({ claim, deps }: PrepareContext, { workingBranch }: SyncedCheckout): Promise<void> {
  const { run, sandbox } = claim
  // A run on the base branch keeps it: what was made for it is in its delivery.
  if (workingBranch === run.workingBranch || run.workingBranch === run.baseBranch) return
  await deps.database.transaction(async tx => {
    await tx
      .update(agentRuns)
      .set({ workingBranch })
      .where(and(eq(agentRuns.id, run.id), heldBy(claim.leaseToken)))
    await tx.update(sandboxes).set({ workingBranch }).where(eq(sandboxes.id, sandbox.id))
  })
  run.workingBranch = workingBranch
}

function syncedEvent({ claim }: PrepareContext, checkout: SyncedCheckout, found: Found[]): NewEvent {
  return stageEvent('git_sync', `Checked out ${checkout.workingBranch}`, {
    base_branch: claim.run.baseBranch,
    working_branch: checkout.workingBranch,
    commit: checkout.headCommit,
    fresh_clone: checkout.freshClone,
    ...(found[0] ? { leftovers: leftoversPayload(found[0]) } : {}),
  })
}
