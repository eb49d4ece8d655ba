import { describe, expect, test } from 'bun:test'
import type { HarnessInput, HarnessMode } from './harness.ts'
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
  test.each(['AUTO', 'YOLO', 'SAFE'] as const)('%s: the prompt and the key are never arguments', mode => {
    const command = commandOf(id, { mode })
    expect(command.argv.join(' ')).not.toContain('a prompt')
    expect(command.argv.join(' ')).not.toContain(KEY)
    expect(JSON.stringify(command.files)).not.toContain(KEY)
    expect(command.stdin).toStartWith('a prompt')
    expect(command.env.DATABASE_URL).toBe('postgres://db')
  })
})

describe.each(['codex', 'claude-code'])('%s', id => {
  test('runs the native program from a neutral read-only place', () => {
    const { argv, mounts } = commandOf(id)
    expect(mounts).toEqual([{ hostPath: installation.directory, sandboxPath: `/opt/mogplex/${id}` }])
    expect(argv[0]).toBe(`/opt/mogplex/${id}/bin/cli`)
  })

  test('the model loses its prefix, except with a gateway key', () => {
    const model = id === 'codex' ? 'openai/gpt-5.5' : 'anthropic/claude-x'
    expect(commandOf(id, { model }).argv).toContain(id === 'codex' ? 'gpt-5.5' : 'claude-x')
    expect(commandOf(id, { model, ...gateway }).argv).toContain(model)
  })

  test('a gateway key goes to the gateway and nowhere else', () => {
    const text = JSON.stringify(commandOf(id, gateway))
    expect(text).toContain('https://gateway.test')
    expect(text).not.toMatch(/openai\.test|anthropic\.test/)
    expect(() => commandOf(id, { ...gateway, aiGatewayBaseUrl: null })).toThrow('AI_GATEWAY_BASE_URL')
  })
})

test('codex: own sandbox bypassed but for SAFE, provider from our settings, key under a name of ours', () => {
  const { argv, env } = commandOf('codex')
  expect(argv).toContain('--dangerously-bypass-approvals-and-sandbox')
  expect(argv.at(-1)).toBe('-')
  expect(argv.join(' ')).toContain('-C /workspace/app')
  expect(argv.find(arg => arg.startsWith('model_providers.mogplex='))).toContain(
    'base_url = "https://openai.test/v1"',
  )
  expect(env.MOGPLEX_MODEL_KEY).toBe(KEY)
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

test('claude: strict, empty MCP config in the checkout; key in its own variable, the repository has no say', () => {
  const { argv, env, files } = commandOf('claude-code')
  expect(files).toEqual([{ path: '.mogplex/claude-mcp.json', content: '{"mcpServers":{}}\n' }])
  expect(argv.join(' ')).toContain('--strict-mcp-config --mcp-config /workspace/.mogplex/claude-mcp.json')
  expect(env.ANTHROPIC_API_KEY).toBe(KEY)
  expect(env.ANTHROPIC_AUTH_TOKEN).toBeUndefined()
  expect(env.CLAUDE_CONFIG_DIR).toBe('/home/agent/.claude')
  expect(commandOf('claude-code', gateway).env).toMatchObject({
    ANTHROPIC_AUTH_TOKEN: KEY,
    ANTHROPIC_BASE_URL: 'https://gateway.test',
  })
})
