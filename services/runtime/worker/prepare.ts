/**
 * From a claim to a sandbox that is ready for the harness (runtime spec 2, items 2 and 3; 3.1; 3.4). Nothing
 * here starts an agent, so everything may be repeated by another worker.
 */

import type { NewEvent } from '../events/append.ts'
import { takeBaseline } from '../git/baseline.ts'
import { GitFailure } from '../git/failure.ts'
import { type SyncedCheckout, syncCheckout } from '../git/sync-checkout.ts'
import type { Harness, HarnessInstallation } from '../harnesses/harness.ts'
import { ensureHarnessInstalled, InstallFailure } from '../harnesses/installation.ts'
import { changeSandbox } from '../sandboxes/lifecycle.ts'
import { WORKSPACE_PATH } from '../sandboxes/provider.ts'
import { type Claim, mayPush } from './claim.ts'
import type { RunDeps } from './deps.ts'
import { stageEvent } from './event-mapping.ts'
import type { EventWriter } from './event-writer.ts'
import { type HeldAgent, holdAgent } from './held-agent.ts'
import type { RunInputs } from './inputs.ts'
import { runInstallCommand } from './install-command.ts'
import type { Lease } from './lease.ts'
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
  const syncing = syncGit(context, sandboxId, recorded)
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
    const events = [syncedEvent(context, checkout)]
    // The command's own events come after it.
    if (checkout.freshClone && context.inputs.launchConfig.installCommand) {
      await context.writer.add(events.splice(0))
      await runInstallCommand(context, sandboxId)
      await takeBaseline({ ...context.deps, sandboxId, checkout, signal: context.lease.signal })
    }
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
  return holdAgent(harness.command(input, installation), { provider, sandboxId, rootPath })
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

/** `recorded`: until it is, the record says that nothing can be in the sandbox. */
async function syncGit(
  { claim, inputs, lease, deps }: PrepareContext,
  sandboxId: string,
  recorded: Promise<unknown>,
): Promise<SyncedCheckout> {
  const { run } = claim
  // The sync awaits it, should it get that far.
  recorded.catch(() => undefined)
  try {
    return await syncCheckout({
      host: deps.gitHost,
      provider: deps.provider,
      sandboxId,
      isNewSandbox: claim.sandbox.sandboxId === null,
      recorded,
      repoId: run.repoId,
      source: inputs.source,
      baseBranch: run.baseBranch,
      workingBranch: run.workingBranch,
      createBranch: run.createBranch,
      callId: run.aiCallId,
      confirm: () => mayPush(claim, { database: deps.database, signal: lease.signal }),
      signal: lease.signal,
      log: deps.log,
    })
  } catch (cause) {
    if (cause instanceof GitFailure) throw new RunFailure(cause.code, cause.message, { cause })
    throw cause
  }
}

function syncedEvent({ claim }: PrepareContext, checkout: SyncedCheckout): NewEvent {
  return stageEvent('git_sync', `Checked out ${checkout.workingBranch}`, {
    base_branch: claim.run.baseBranch,
    working_branch: checkout.workingBranch,
    commit: checkout.headCommit,
    fresh_clone: checkout.freshClone,
  })
}
