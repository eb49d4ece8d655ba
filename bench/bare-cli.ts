/** The peer of a run: the same CLI with the same arguments in an equal checkout, started by nobody but us. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import type { Harness, HarnessInput, HarnessInstallation } from '../services/runtime/harnesses/harness.ts'
import type { ModelEndpoint } from '../tests/model-endpoint/endpoint.ts'
import { runCli } from '../tests/model-endpoint/run-cli.ts'
import { git, type Remote } from '../tests/system/repositories.ts'

export interface BareCheckout {
  directory: string
  workspace: string
  /** `HOME` of the CLI: empty at first, as that of a new sandbox. */
  home: string
  remove: () => Promise<void>
}

/** A clone of `remote` beside an empty home. */
export function cloneForBareCli(remote: Pick<Remote, 'path'>): BareCheckout {
  const directory = temporaryDirectory('bare-cli')
  const workspace = join(directory, 'workspace')
  const home = join(directory, 'home')
  git(directory, 'clone', '-q', remote.path, workspace)
  mkdirSync(home)
  return { directory, workspace, home, remove: async () => undefined }
}

/** Wall time in ms of one `prompt`. Throws when the CLI fails or its change is not there. */
export async function timeBareCli(
  harness: Harness,
  installation: HarnessInstallation,
  { checkout, endpoint, key, prompt }: BareRun,
): Promise<number> {
  const input: Omit<HarnessInput, 'rootPath'> = {
    prompt,
    mode: 'AUTO',
    model: null,
    credential: { provider: harness.id === 'codex' ? 'openai' : 'anthropic', key },
    openaiBaseUrl: endpoint.openaiBaseUrl,
    anthropicBaseUrl: endpoint.anthropicBaseUrl,
    aiGatewayBaseUrl: null,
    repositoryEnv: {},
  }
  const startedAtMs = performance.now()
  const result = await runCli(harness, installation, input, checkout)
  const wallMs = performance.now() - startedAtMs
  if (result.exitCode !== 0 || result.failed)
    throw new Error(`bare ${harness.id} ended with ${result.exitCode}: ${result.stderr}`)
  if (!git(checkout.workspace, 'status', '--porcelain')) throw new Error(`bare ${harness.id} changed nothing`)
  return wallMs
}

export interface BareRun {
  checkout: BareCheckout
  endpoint: ModelEndpoint
  key: string
  prompt: string
}
