/** How `claude -p` is run (runtime spec 3.1). */
import { AGENT_HOME_PATH } from '../../sandboxes/provider.ts'
import type {
  HarnessCommand,
  HarnessInput,
  HarnessInstallation,
  HarnessMode,
  ModelCredential,
} from '../harness.ts'
import {
  baseUrlFor,
  insideSandbox,
  modelArgument,
  modelEndpoint,
  PLACEHOLDER_KEY,
  repositoryEnvWithout,
} from '../model-access.ts'
import { INSTRUCTIONS_VARIABLES, withInstructions } from './instructions.ts'

const MOUNT_PATH = '/opt/mogplex/claude-code'
const PROVIDER_HOST = 'api.anthropic.com'
const MCP_CONFIG_PATH = '.mogplex/claude-mcp.json'

export function claudeCodeCommand(
  input: HarnessInput,
  installation: HarnessInstallation | null,
): HarnessCommand {
  if (!installation) throw new Error('claude must be installed before it is run')
  const model = modelArgument(input)
  // The CLI adds `/v1` itself.
  const baseUrl = baseUrlFor(input, input.anthropicBaseUrl).replace(/\/v1$/, '')
  return {
    argv: withInstructions([
      `${MOUNT_PATH}/${installation.program}`,
      '-p',
      '--verbose',
      '--output-format',
      'stream-json',
      ...(model === null ? [] : ['--model', model]),
      // None: neither the checkout's nor what an earlier run left in its HOME.
      '--setting-sources=',
      '--strict-mcp-config',
      '--mcp-config',
      `${AGENT_HOME_PATH}/${MCP_CONFIG_PATH}`,
      ...modeArguments(input.mode),
      '--disallowedTools',
      DENIED.join(','),
    ]),
    env: {
      ...repositoryEnvWithout(input.repositoryEnv, /^_?(?:ANTHROPIC|CLAUDE)_/),
      CLAUDE_CONFIG_DIR: `${AGENT_HOME_PATH}/.claude`,
      ANTHROPIC_BASE_URL: insideSandbox(baseUrl),
      // It tells by the address whether it may use all of the provider's API.
      ...(new URL(baseUrl).host === PROVIDER_HOST ? { _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL: '1' } : {}),
      ...INSTRUCTIONS_VARIABLES,
      ...keyVariables(input.credential),
      DISABLE_AUTOUPDATER: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    },
    stdin: asText(input.prompt),
    mounts: [
      { hostPath: installation.directory, sandboxPath: MOUNT_PATH },
      // Wins over all other settings, should any be read.
      {
        hostPath: `${import.meta.dir}/managed-settings.json`,
        sandboxPath: '/etc/claude-code/managed-settings.json',
      },
    ],
    endpoints: [modelEndpoint(`${baseUrl}/v1`, input.credential)],
    files: [{ path: MCP_CONFIG_PATH, content: `${JSON.stringify({ mcpServers: {} })}\n` }],
  }
}

/**
 * The prompt as something that was said to the model. The CLI takes a text that begins with a slash for one of its own
 * commands (`/status`, `/clear`, a skill) and answers it itself, whatever `--disable-slash-commands` says; behind a
 * line end it does not, and hands the text on as it is.
 */
function asText(prompt: string): string {
  return prompt.startsWith('/') ? `\n${prompt}` : prompt
}

/** The CLI asks for no sign-in once it has a key of either kind. */
function keyVariables(credential: ModelCredential | null): Record<string, string> {
  if (!credential) return {}
  return credential.provider === 'ai_gateway'
    ? { ANTHROPIC_AUTH_TOKEN: PLACEHOLDER_KEY }
    : { ANTHROPIC_API_KEY: PLACEHOLDER_KEY }
}

function modeArguments(mode: HarnessMode): string[] {
  switch (mode) {
    case 'SAFE':
      return ['--permission-mode', 'plan']
    case 'YOLO':
      return ['--dangerously-skip-permissions']
    case 'AUTO':
      return ['--permission-mode', 'acceptEdits', '--allowedTools', ALLOWED.join(',')]
  }
}

/** What a coding agent needs; whatever else would ask for permission is refused, nobody is there to ask. */
const ALLOWED = [
  'Bash',
  'Edit',
  'Write',
  'NotebookEdit',
  'Read',
  'Glob',
  'Grep',
  'Agent',
  'Skill',
  'TodoWrite',
  'WebFetch',
  'WebSearch',
]

/** Defence in depth only: a determined agent finds another spelling; the sandbox is the boundary. */
const DENIED = [
  'Bash(sudo)',
  'Bash(sudo *)',
  'Read(./.env*)',
  'Read(**/.env*)',
  ...['--force', '-f', '--delete', '-d', '--mirror', '+'].flatMap(flag => [
    `Bash(git push ${flag}*)`,
    `Bash(git push * ${flag}*)`,
    `Bash(git * push ${flag}*)`,
    `Bash(git * push * ${flag}*)`,
  ]),
]
