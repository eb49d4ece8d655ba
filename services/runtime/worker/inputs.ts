/**
 * Everything a run needs from other services, asked for fresh when it starts (runtime spec 3.1, 3.4): who it
 * is for, where the code is, what the sandbox starts with, whose key pays and which model is used.
 */
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import { getProviderKey, getUser, usableModels } from '@mogplex/proto/identity.ts'
import { getRepoLaunchConfig, getRepoSource, type RepositorySource } from '@mogplex/proto/projects.ts'
import type { AgentRun } from '../database/schema.ts'
import { secretsOfVariables } from '../events/secret-variables.ts'
import type { Harness, ModelCredential } from '../harnesses/harness.ts'
import type { RunDeps } from './deps.ts'
import { isOutage, RunFailure, RunObsolete } from './run-failure.ts'

/** As identity has it: git takes both as they are. */
export interface CommitIdentity {
  name: string
  email: string
}

export interface RunInputs {
  /** Whom commits name: the agent's own, and ours of what it left. */
  author: CommitIdentity
  source: RepositorySource
  launchConfig: ReplyOf<typeof getRepoLaunchConfig>
  credential: ModelCredential | null
  model: string | null
}

/**
 * Throws {@link RunObsolete} when user or repo is gone, `credentials_missing` when no key fits, and
 * `git_sync_failed` when projects no longer allows the repo's remote.
 */
export async function gatherInputs(
  run: AgentRun,
  harness: Harness,
  { ask, settings }: Pick<RunDeps, 'ask' | 'settings'>,
): Promise<RunInputs> {
  // A gateway's key without the gateway's address would have nowhere to go.
  const providers = harness.credentialProviders.filter(
    provider => provider !== 'ai_gateway' || settings.aiGatewayBaseUrl !== null,
  )
  const context = { userId: run.userId, ...(run.requestId ? { requestId: run.requestId } : {}) }
  const repo = { userId: run.userId, repoId: run.repoId }
  const [author, source, launchConfig, credential, model] = await Promise.all([
    authorOf(run, ask, context),
    ask(getRepoSource, repo, context).catch(repoRefused),
    ask(getRepoLaunchConfig, repo, context).catch(repoRefused),
    findCredential(run, harness, providers, ask, context),
    chooseModel(run, harness, ask, context),
  ])
  return { author, source, launchConfig, credential, model }
}

/** The values that must not appear in anything stored of the run; of the repository's variables those that are secrets. */
export function secretsOf({ source, launchConfig, credential }: RunInputs): string[] {
  const git =
    source.auth.kind === 'basic'
      ? [source.auth.token]
      : source.auth.kind === 'ssh'
        ? [source.auth.privateKey]
        : []
  return [...(credential ? [credential.key] : []), ...git, ...secretsOfVariables(launchConfig.env)]
}

interface AskContext {
  userId: string
  requestId?: string
}

async function authorOf(run: AgentRun, ask: Asker, context: AskContext): Promise<RunInputs['author']> {
  const { user } = await ask(getUser, { userId: run.userId }, context)
  if (!user || user.disabled) throw new RunObsolete('the user is gone or disabled')
  return user.commitIdentity
}

/** An outage is waited out by the caller; what projects says of the repo itself ends the run. */
function repoRefused(cause: unknown): never {
  if (!(cause instanceof ApiError) || isOutage(cause)) throw cause
  if (cause.code === 'REPO_NOT_FOUND') throw new RunObsolete('the repo is gone')
  const message = cause.status < 500 ? cause.message : 'The repository could not be looked up'
  throw new RunFailure('git_sync_failed', message, { cause })
}

async function findCredential(
  run: AgentRun,
  harness: Harness,
  providers: ModelCredential['provider'][],
  ask: Asker,
  context: AskContext,
): Promise<ModelCredential | null> {
  if (harness.credentialProviders.length === 0) return null
  for (const provider of providers) {
    const { key } = await ask(getProviderKey, { userId: run.userId, provider }, context)
    if (key !== null) return { provider, key }
  }
  throw new RunFailure(
    'credentials_missing',
    `No model key for ${harness.id}: store one of ${providers.join(', ')} in settings`,
  )
}

/** The user's default where its provider is the harness's own, else the CLI's default (runtime spec 3.1). */
async function chooseModel(
  run: AgentRun,
  harness: Harness,
  ask: Asker,
  context: AskContext,
): Promise<string | null> {
  const { chosenModel } = await ask(usableModels, { userId: run.userId }, context)
  const provider = chosenModel?.split('/')[0]
  return chosenModel && harness.credentialProviders.some(name => name === provider) ? chosenModel : null
}
