/**
 * From a claim to a sandbox that is ready for the harness (runtime spec 2, items 2 and 3; 3.1; 3.4). Nothing
 * here starts an agent, so everything may be repeated by another worker.
 */
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
import type { RunInputs } from './inputs.ts'
import { runInstallCommand } from './install-command.ts'
import type { Lease } from './lease.ts'
import { isOutage, RunFailure } from './run-failure.ts'

export interface PreparedRun {
  sandboxId: string
  installation: HarnessInstallation | null
  checkout: SyncedCheckout
  /** Absolute path inside the sandbox in which the agent works. */
  rootPath: string
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
  const { claim, deps } = context
  const [installation, sandboxId] = await Promise.all([installHarness(context), allocateSandbox(context)])
  const checkout = await syncGit(context, sandboxId)
  await changeSandbox(deps.database, claim.sandbox.id, {
    from: ['creating', 'installing'],
    to: 'running',
    workerRunId: claim.run.id,
  })
  if (checkout.freshClone) await runInstallCommand(context, sandboxId)
  const { rootDirectory } = claim.run
  return {
    sandboxId,
    installation,
    checkout,
    rootPath: rootDirectory ? `${WORKSPACE_PATH}/${rootDirectory}` : WORKSPACE_PATH,
  }
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

async function allocateSandbox({ claim, deps }: PrepareContext): Promise<string> {
  const { run, sandbox } = claim
  try {
    const sandboxId = await deps.provider.create(sandbox.id)
    await changeSandbox(deps.database, sandbox.id, {
      from: ['creating', 'installing', 'running'],
      to: sandbox.status === 'running' ? 'running' : 'installing',
      sandboxId,
      workerRunId: run.id,
    })
    return sandboxId
  } catch (cause) {
    if (isOutage(cause)) throw cause
    const message = `The sandbox could not be created: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new RunFailure('sandbox_lost', message, { cause })
  }
}

async function syncGit(context: PrepareContext, sandboxId: string): Promise<SyncedCheckout> {
  const { claim, inputs, lease, writer, deps } = context
  const { run } = claim
  try {
    const checkout = await syncCheckout({
      host: deps.gitHost,
      provider: deps.provider,
      sandboxId,
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
    await writer.add([
      stageEvent('git_sync', `Checked out ${checkout.workingBranch}`, {
        base_branch: run.baseBranch,
        working_branch: checkout.workingBranch,
        commit: checkout.headCommit,
        fresh_clone: checkout.freshClone,
      }),
    ])
    return checkout
  } catch (cause) {
    if (cause instanceof GitFailure) throw new RunFailure(cause.code, cause.message, { cause })
    throw cause
  }
}
