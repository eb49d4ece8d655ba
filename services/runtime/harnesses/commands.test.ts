import { describe, expect, test } from 'bun:test'
import type { HarnessInput, HarnessMode } from './harness.ts'
import { PLACEHOLDER_KEY } from './model-access.ts'
import { harnessById } from './registry.ts'

const KEY = 'sk-very-secret-key'
const installation = { directory: '/data/harnesses/x@1.0.0', version: '1.0.0', program: 'bin/cli' }

function commandOf(id: string, change: Partial<HarnessInput> = {}) {
  const harness = harnessById(id, { echoEnabled: true })
  if (!harness) throw new Error(id)
  const provider = id === 'codex' ? 'openai' : 'anthropic'
  const input: HarnessInput = {
    prompt: 'a prompt; $(that) must stay away from argv',
    rootPath: '/workspace/app',
    mode: 'AUTO',
    model: null,
    credential: { provider, key: KEY },
    openaiBaseUrl: 'https://openai.test/v1',
    anthropicBaseUrl: 'https://anthropic.test',
    aiGatewayBaseUrl: 'https://gateway.test/v1/',
    repositoryEnv: { DATABASE_URL: 'postgres://db', ANTHROPIC_AUTH_TOKEN: 'theirs', CODEX_HOME: '/theirs' },
    ...change,
  }
  return harness.command(input, installation)
}

const gateway = { credential: { provider: 'ai_gateway', key: KEY } } as const

describe.each(['codex', 'claude-code', 'echo'])('%s', id => {
  test.each(['AUTO', 'YOLO', 'SAFE'] as const)('%s: nothing that enters the sandbox has the key', mode => {
    const command = commandOf(id, { mode })
    const { endpoints, ...inside } = command
    expect(command.argv.join(' ')).not.toContain('a prompt')
    expect(JSON.stringify(inside)).not.toContain(KEY)
    expect(JSON.stringify(endpoints).includes(KEY)).toBe(id !== 'echo')
    expect(command.stdin).toStartWith('a prompt')
    expect(command.env.DATABASE_URL).toBe('postgres://db')
  })
})

describe.each(['codex', 'claude-code'])('%s', id => {
  test('runs the native program from a neutral read-only place', () => {
    const { argv, mounts } = commandOf(id)
    expect(mounts[0]).toEqual({ hostPath: installation.directory, sandboxPath: `/opt/mogplex/${id}` })
    expect(argv).toContain(`/opt/mogplex/${id}/bin/cli`)
  })

  test('the model loses its prefix, except with a gateway key', () => {
    const model = id === 'codex' ? 'openai/gpt-5.5' : 'anthropic/claude-x'
    expect(commandOf(id, { model }).argv).toContain(id === 'codex' ? 'gpt-5.5' : 'claude-x')
    expect(commandOf(id, { model, ...gateway }).argv).toContain(model)
  })

  test('a gateway key goes to the gateway and nowhere else', () => {
    const command = commandOf(id, gateway)
    const credential = { header: 'authorization', prefix: 'Bearer ', secret: KEY }
    expect(command.endpoints).toEqual([{ port: 3129, baseUrl: 'https://gateway.test/v1', credential }])
    expect(JSON.stringify(command)).not.toMatch(/openai\.test|anthropic\.test/)
    expect(() => commandOf(id, { ...gateway, aiGatewayBaseUrl: null })).toThrow('AI_GATEWAY_BASE_URL')
  })
})

test('codex: own sandbox bypassed but for SAFE, provider from our settings, nothing of the project', () => {
  const { argv, env, endpoints } = commandOf('codex')
  expect(argv).toContain('--dangerously-bypass-approvals-and-sandbox')
  expect(argv.at(-1)).toBe('-')
  expect(argv.join(' ')).toContain('-C /workspace/app')
  expect(argv.find(arg => arg.startsWith('model_providers.mogplex='))).toContain(
    'base_url = "http://127.0.0.1:3129/v1"',
  )
  expect(env.MOGPLEX_MODEL_KEY).toBe(PLACEHOLDER_KEY)
  const credential = { header: 'authorization', prefix: 'Bearer ', secret: KEY }
  expect(endpoints).toEqual([{ port: 3129, baseUrl: 'https://openai.test/v1', credential }])
  expect(argv.join(' ')).toContain('--disable hooks')
  expect(argv).toContain('--ignore-user-config')
  expect(env.CODEX_HOME).toBeUndefined()
  const safe = commandOf('codex', { mode: 'SAFE' }).argv.join(' ')
  expect(safe).toContain('--sandbox read-only')
  expect(safe).not.toContain('bypass')
})

test('claude: permission mode by mode, denials in every mode', () => {
  const modes: [HarnessMode, string][] = [
    ['AUTO', '--permission-mode acceptEdits --allowedTools Bash,Edit'],
    ['YOLO', '--dangerously-skip-permissions'],
    ['SAFE', '--permission-mode plan'],
  ]
  for (const [mode, flags] of modes) {
    const argv = commandOf('claude-code', { mode }).argv.join(' ')
    expect(argv).toContain(flags)
    expect(argv).toContain('Bash(git push --force*)')
    expect(argv).toContain('Bash(sudo *)')
    if (mode !== 'AUTO') expect(argv).not.toContain('--allowedTools')
  }
})

test('claude: strict, empty MCP config, no settings of anybody; the repository has no say', () => {
  const { argv, env, files, mounts, endpoints } = commandOf('claude-code')
  expect(files).toEqual([{ path: '.mogplex/claude-mcp.json', content: '{"mcpServers":{}}\n' }])
  expect(argv.join(' ')).toContain('--strict-mcp-config --mcp-config /home/agent/.mogplex/claude-mcp.json')
  expect(argv).toContain('--setting-sources=')
  expect(mounts.map(mount => mount.sandboxPath)).toContain('/etc/claude-code/managed-settings.json')
  expect(env.ANTHROPIC_API_KEY).toBe(PLACEHOLDER_KEY)
  expect(env.ANTHROPIC_AUTH_TOKEN).toBeUndefined()
  expect(env.ANTHROPIC_BASE_URL).toBe('http://127.0.0.1:3129')
  expect(env._CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL).toBeUndefined()
  expect(env.CLAUDE_CONFIG_DIR).toBe('/home/agent/.claude')
  const credential = { header: 'x-api-key', prefix: '', secret: KEY }
  expect(endpoints).toEqual([{ port: 3129, baseUrl: 'https://anthropic.test/v1', credential }])
  const viaGateway = commandOf('claude-code', gateway).env
  expect(viaGateway).toMatchObject({ ANTHROPIC_AUTH_TOKEN: PLACEHOLDER_KEY })
  expect(viaGateway.ANTHROPIC_API_KEY).toBeUndefined()
})

test('claude: the provider itself is asked as itself', () => {
  const { env } = commandOf('claude-code', { anthropicBaseUrl: 'https://api.anthropic.com/' })
  expect(env._CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL).toBe('1')
})
