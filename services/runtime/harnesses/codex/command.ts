/** How `codex exec` is run (runtime spec 3.1). */
import { AGENT_HOME_PATH } from '../../sandboxes/provider.ts'
import type { HarnessCommand, HarnessInput, HarnessInstallation, HarnessMode } from '../harness.ts'
import {
  baseUrlFor,
  insideSandbox,
  modelArgument,
  modelEndpoint,
  PLACEHOLDER_KEY,
  repositoryEnvWithout,
} from '../model-access.ts'

const BYTE_ORDER_MARK = '\ufeff'
const MOUNT_PATH = '/opt/mogplex/codex'
/** A name of our own, so that a repository's `OPENAI_API_KEY` stays the repository's. */
const KEY_VARIABLE = 'MOGPLEX_MODEL_KEY'

export function codexCommand(input: HarnessInput, installation: HarnessInstallation | null): HarnessCommand {
  if (!installation) throw new Error('codex must be installed before it is run')
  const model = modelArgument(input)
  const baseUrl = baseUrlFor(input, input.openaiBaseUrl)
  return {
    argv: [
      `${MOUNT_PATH}/${installation.program}`,
      'exec',
      '--json',
      '--skip-git-repo-check',
      // It could make the project a trusted one, whose `.codex` directory counts: config, hooks, MCP servers. To call
      // the project untrusted ourselves would leave out its AGENTS.md.
      '--ignore-user-config',
      '--ignore-rules',
      '-C',
      input.rootPath,
      ...(model === null ? [] : ['-m', model]),
      ...modeArguments(input.mode),
      ...FEATURES_OFF.flatMap(feature => ['--disable', feature]),
      ...Object.entries(settings(insideSandbox(baseUrl))).flatMap(([key, value]) => [
        '-c',
        `${key}=${toml(value)}`,
      ]),
      '-',
    ],
    env: {
      ...repositoryEnvWithout(input.repositoryEnv, /^CODEX_/),
      // No CODEX_HOME: the default below HOME is made when it is missing, a named one must exist already.
      HOME: AGENT_HOME_PATH,
      ...(input.credential ? { [KEY_VARIABLE]: PLACEHOLDER_KEY } : {}),
    },
    stdin: asText(input.prompt),
    mounts: [{ hostPath: installation.directory, sandboxPath: MOUNT_PATH }],
    endpoints: [modelEndpoint(baseUrl, input.credential)],
    files: [],
  }
}

/** The prompt as it must come in for the model to get all of it: the CLI drops one byte-order mark at its beginning. */
function asText(prompt: string): string {
  return prompt.startsWith(BYTE_ORDER_MARK) ? `${BYTE_ORDER_MARK}${prompt}` : prompt
}

/** The sandbox around the CLI is the boundary, so its own is bypassed, except for SAFE's read-only. */
function modeArguments(mode: HarnessMode): string[] {
  return mode === 'SAFE' ? ['--sandbox', 'read-only'] : ['--dangerously-bypass-approvals-and-sandbox']
}

/**
 * Hooks would be a repository's or an earlier run's. The others fetch catalogues from hosts that are no model
 * endpoint, and serve an interactive user only.
 */
const FEATURES_OFF = ['hooks', 'plugins', 'remote_plugin', 'plugin_sharing', 'apps']

type Toml = string | boolean | string[] | { [key: string]: Toml }

function settings(baseUrl: string): Record<string, Toml> {
  return {
    model_provider: 'mogplex',
    'model_providers.mogplex': {
      name: 'mogplex',
      base_url: baseUrl,
      env_key: KEY_VARIABLE,
      wire_api: 'responses',
      requires_openai_auth: false,
    },
    // Commands of the agent need not wonder about it.
    'shell_environment_policy.exclude': [KEY_VARIABLE],
    check_for_update_on_startup: false,
    'analytics.enabled': false,
    'feedback.enabled': false,
    'otel.exporter': 'none',
    'otel.trace_exporter': 'none',
    'otel.metrics_exporter': 'none',
    'history.persistence': 'none',
  }
}

function toml(value: Toml): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`
  const members = Object.entries(value).map(([key, member]) => `${key} = ${toml(member)}`)
  return `{ ${members.join(', ')} }`
}
