/** Runtime's own settings (runtime spec 2, 3; spec README, 28–30). */
import type { Static } from '@sinclair/typebox'
import { Type } from '@sinclair/typebox'
import type { GitHost } from './git/host-git.ts'
import { HARNESS_VERSIONS } from './harnesses/registry.ts'
import { SANDBOX_LIMIT_SETTINGS } from './sandboxes/local/limits/settings.ts'
import type { RunSettings } from './worker/deps.ts'

const WEB_ADDRESS = '^https?://\\S+$'

export const RuntimeSettings = Type.Object({
  RUNTIME_DATA_DIR: Type.String({ description: 'absolute path; holds sandboxes, mirrors and harnesses' }),
  OPENAI_BASE_URL: Type.String({ pattern: WEB_ADDRESS, default: 'https://api.openai.com/v1' }),
  ANTHROPIC_BASE_URL: Type.String({ pattern: WEB_ADDRESS, default: 'https://api.anthropic.com' }),
  AI_GATEWAY_BASE_URL: Type.Optional(
    Type.String({ pattern: WEB_ADDRESS, description: 'an OpenAI- and Anthropic-compatible gateway' }),
  ),
  ENABLE_ECHO_HARNESS: Type.Boolean({ default: false }),
  CODEX_CLI_VERSION: Type.String({ default: HARNESS_VERSIONS.codex, pattern: '^\\d+\\.\\d+\\.\\d+\\S*$' }),
  CLAUDE_CODE_CLI_VERSION: Type.String({
    default: HARNESS_VERSIONS['claude-code'],
    pattern: '^\\d+\\.\\d+\\.\\d+\\S*$',
  }),
  RUN_TIMEOUT_SECONDS: Type.Integer({ default: 1_800, minimum: 1 }),
  RUN_IDLE_TIMEOUT_SECONDS: Type.Integer({ default: 600, minimum: 1 }),
  RUN_OUTPUT_MAX_BYTES: Type.Integer({
    default: 64 * 1024 * 1024,
    minimum: 1024,
    description: "how much of an agent's output a run keeps",
  }),
  RUN_OUTPUT_MAX_EVENTS: Type.Integer({ default: 50_000, minimum: 1, description: 'in how many events' }),
  RUN_EVENTS_RETENTION_DAYS: Type.Integer({
    default: 90,
    minimum: 0,
    description: 'how long events of ended runs are kept; 0 for ever',
  }),
  RUN_LEASE_SECONDS: Type.Integer({
    default: 60,
    minimum: 4,
    maximum: 60,
    description: 'how long a run whose runtime died stays unfinished; renewed four times as often',
  }),
  ...SANDBOX_LIMIT_SETTINGS,
  SANDBOX_DISK_PER_USER_MB: Type.Integer({
    default: 40_960,
    minimum: 1,
    description: 'what the sandboxes of one user may take together, paused ones included',
  }),
  SANDBOX_MAX_ACTIVE_PER_USER: Type.Integer({ default: 3, minimum: 1 }),
  WORKER_CONCURRENCY: Type.Integer({ default: 4, minimum: 1, description: 'runs at once in this process' }),
  GIT_ALLOW_PRIVATE_HOSTS: Type.Boolean({
    default: false,
    description: 'true: remotes may be hosts of the own network; as for projects',
  }),
  SHUTDOWN_GRACE_SECONDS: Type.Integer({
    default: 30,
    minimum: 0,
    description: 'how long SIGTERM waits for runs',
  }),
})

/** The part of the settings that the execution of runs works with. */
export function runSettings(config: Readonly<Static<typeof RuntimeSettings>>): RunSettings {
  return {
    dataDirectory: config.RUNTIME_DATA_DIR,
    harnessVersions: {
      codex: config.CODEX_CLI_VERSION,
      'claude-code': config.CLAUDE_CODE_CLI_VERSION,
      echo: HARNESS_VERSIONS.echo,
    },
    isEchoEnabled: config.ENABLE_ECHO_HARNESS,
    openaiBaseUrl: config.OPENAI_BASE_URL,
    anthropicBaseUrl: config.ANTHROPIC_BASE_URL,
    aiGatewayBaseUrl: config.AI_GATEWAY_BASE_URL ?? null,
    leaseSeconds: config.RUN_LEASE_SECONDS,
    runTimeoutMs: config.RUN_TIMEOUT_SECONDS * 1_000,
    runIdleTimeoutMs: config.RUN_IDLE_TIMEOUT_SECONDS * 1_000,
    outputLimits: { maxBytes: config.RUN_OUTPUT_MAX_BYTES, maxEvents: config.RUN_OUTPUT_MAX_EVENTS },
    sandboxDiskPerUserBytes: config.SANDBOX_DISK_PER_USER_MB * 1024 ** 2,
  }
}

/** Where host-side git keeps its files, and which hosts it may connect to. */
export function gitHost(config: Readonly<Static<typeof RuntimeSettings>>): GitHost {
  return {
    dataDirectory: config.RUNTIME_DATA_DIR,
    allowPrivateHosts: config.GIT_ALLOW_PRIVATE_HOSTS,
  }
}
