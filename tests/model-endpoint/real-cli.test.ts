/**
 * The pinned CLIs themselves, by the commands the harnesses give, against the stand-in endpoint. What they
 * print is what the parsers must know; a new version that prints something else fails here.
 */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { claudeCode } from '../../services/runtime/harnesses/claude-code/claude-code.ts'
import { codex } from '../../services/runtime/harnesses/codex/codex.ts'
import type { Harness, HarnessInput, HarnessInstallation } from '../../services/runtime/harnesses/harness.ts'
import { type ModelEndpoint, startModelEndpoint } from './endpoint.ts'
import { type Checkout, createCheckout, installForTests, runCli } from './run-cli.ts'

/** The first run on a machine fetches the CLIs. */
const INSTALL_TIMEOUT_MS = 300_000
const RUN_TIMEOUT_MS = 60_000
const KEY = 'sk-stand-in-key-123456'

setDefaultTimeout(RUN_TIMEOUT_MS)

let endpoint: ModelEndpoint
let checkout: Checkout
const installations = new Map<string, HarnessInstallation>()

beforeAll(async () => {
  for (const harness of [codex, claudeCode]) installations.set(harness.id, await installForTests(harness))
}, INSTALL_TIMEOUT_MS)

beforeEach(async () => {
  endpoint = startModelEndpoint({ requiredKey: KEY })
  checkout = await createCheckout()
})

afterEach(async () => {
  await endpoint.stop()
  await checkout.remove()
})

afterAll(() => installations.clear())

function run(harness: Harness, prompt: string, change: Partial<HarnessInput> = {}) {
  const input = {
    prompt,
    mode: 'AUTO' as const,
    model: null,
    credential: { provider: harness === codex ? ('openai' as const) : ('anthropic' as const), key: KEY },
    openaiBaseUrl: endpoint.openaiBaseUrl,
    anthropicBaseUrl: endpoint.anthropicBaseUrl,
    aiGatewayBaseUrl: null,
    repositoryEnv: { FROM_THE_REPO: 'yes' },
    ...change,
  }
  return runCli(harness, installations.get(harness.id) ?? null, input, checkout)
}

const cases: [string, Harness, string, string][] = [
  ['codex', codex, 'shell', '/v1/responses'],
  ['claude-code', claudeCode, 'Bash', '/v1/messages'],
]

describe.each(cases)('%s', (_, harness, toolName, path) => {
  test('runs a command, says something, reports usage; the endpoint is asked for turns only', async () => {
    const result = await run(harness, 'Please.\nshell: printf "$FROM_THE_REPO" > NEW.md; ls')
    expect(result.exitCode).toBe(0)
    expect(result.failed).toBe(false)
    expect(result.events).toMatchObject([
      { kind: 'session', sessionId: expect.any(String) },
      { kind: 'tool_started', toolName },
      { kind: 'tool_finished', toolName, success: true, output: expect.stringContaining('NEW.md') },
      { kind: 'assistant', text: 'Done. The change is in the working tree.' },
    ])
    expect(await Bun.file(`${checkout.workspace}/NEW.md`).text()).toBe('yes')
    const { inputTokens, cacheReadInputTokens, outputTokens } = result.usage
    expect(inputTokens).toBeGreaterThan(100)
    expect(cacheReadInputTokens).toBeGreaterThan(100)
    expect(outputTokens).toBeGreaterThan(10)
    expect(new Set(endpoint.requests.map(request => request.path))).toEqual(new Set([path]))
    expect(endpoint.requests.every(request => request.hasKey)).toBe(true)
  })

  test('uses the model it is told, without the prefix', async () => {
    const model = harness === codex ? 'openai/gpt-5.5' : 'anthropic/claude-sonnet-5-5'
    const result = await run(harness, 'hello', { model })
    expect(result.exitCode).toBe(0)
    expect(await Bun.file(`${checkout.workspace}/AGENT.md`).text()).toBe('hello from the agent\n')
    const models = endpoint.requests.map(request => JSON.parse(request.body).model)
    expect(new Set(models)).toEqual(new Set([model.split('/')[1]]))
  })

  test('a gateway key goes to the gateway', async () => {
    const result = await run(harness, 'hello', {
      credential: { provider: 'ai_gateway', key: KEY },
      openaiBaseUrl: 'http://127.0.0.1:1/v1',
      anthropicBaseUrl: 'http://127.0.0.1:1',
      aiGatewayBaseUrl: endpoint.openaiBaseUrl,
    })
    expect(result.exitCode).toBe(0)
    expect(endpoint.requests.length).toBeGreaterThan(1)
  })

  test('a command that fails is a tool that failed', async () => {
    const result = await run(harness, 'shell: echo bad; exit 3')
    expect(result.exitCode).toBe(0)
    const finished = result.events.find(event => event.kind === 'tool_finished')
    expect(finished).toMatchObject({ success: false, output: expect.stringMatching(/^Exit code 3\nbad/) })
  })

  test('SAFE writes nothing', async () => {
    const result = await run(harness, 'shell: touch written', { mode: 'SAFE' })
    expect(result.exitCode).toBe(0)
    expect(await Bun.file(`${checkout.workspace}/written`).exists()).toBe(false)
  })

  test.each([
    ['a rate limit', { isRateLimited: true }, 'rate_limited'],
    ['a refused key', { requiredKey: 'another' }, 'model_access_denied'],
  ] as const)('%s fails the run and is named', async (_, behaviour, code) => {
    endpoint.behave(behaviour)
    const { failed, exitCode, stdout, stderr } = await run(harness, 'hello')
    expect(failed).toBe(true)
    const ended = {
      stdoutTail: stdout.join('\n').slice(-16_000),
      stderrTail: stderr.slice(-16_000),
      exitCode,
    }
    expect(harness.classifyFailure(ended).code).toBe(code)
  })

  test('leaves nothing of its own or ours in the checkout for a git add -A to take', async () => {
    const commit = 'git add -A && git -c user.name=A -c user.email=a@example.test commit -qm all'
    const { events } = await run(harness, `shell: echo hello > NEW.md; ${commit} && git ls-files`)
    const finished = events.find(event => event.kind === 'tool_finished')
    expect(finished).toMatchObject({ success: true, output: expect.stringContaining('NEW.md') })
    const git = (...args: string[]) => Bun.$`git -C ${checkout.workspace} ${args}`.text()
    expect(await git('ls-tree', '-r', '--name-only', 'HEAD')).toBe('NEW.md\n')
    expect(await git('status', '--porcelain', '--ignored')).toBe('')
  })

  test('every message of a talkative turn comes through', async () => {
    endpoint.behave({ extraMessages: 200 })
    const { events } = await run(harness, 'hello')
    expect(events.filter(event => event.kind === 'assistant')).toHaveLength(201)
  })

  test('the key is in no argument and in no file', async () => {
    const result = await run(harness, 'hello')
    expect(result.argv.join(' ')).not.toContain(KEY)
    const found = await Bun.$`grep -rlF ${KEY} ${checkout.directory}`.nothrow().quiet().text()
    expect(found).toBe('')
  })
})

/** What a CLI might take for a command, an option or a shell's word of its own. */
const PROMPTS = {
  codex: ['/status is slow', '--version', '\ufeff\n\n /help'],
  'claude-code': ['/status is slow', '/clear', '--version', '!ls\n#note\n@file', '\ufeff/help', '\n\n  -p '],
}
const prompts = Object.entries(PROMPTS).flatMap(([id, texts]) => texts.map(text => [id, text] as const))

/** Every text that a model was sent as the user's. */
function userTexts(body: string): string[] {
  const { messages, input } = JSON.parse(body)
  return (messages ?? input)
    .filter(({ role }: { role?: string }) => role === 'user')
    .flatMap(({ content }: { content: string | { text?: string }[] }) =>
      typeof content === 'string' ? [content] : content.map(({ text = '' }) => text),
    )
}

test.each(prompts)('a prompt reaches the model as text: %s, %j', async (id, prompt) => {
  const { exitCode, events } = await run(id === 'codex' ? codex : claudeCode, prompt)
  expect(exitCode).toBe(0)
  expect(events.some(({ kind }) => kind === 'assistant')).toBe(true)
  const said = userTexts(endpoint.requests[0]?.body ?? '{"input":[]}').filter(text => text.endsWith(prompt))
  // At most the line end that keeps it from being a command.
  expect(said.map(text => text.slice(0, -prompt.length)).every(before => /^\n?$/.test(before))).toBe(true)
  expect(said).toHaveLength(1)
})

test('what claude answers by itself is not taken for an answer of its model', async () => {
  const asCommand: Harness = {
    ...claudeCode,
    command: (input, installation) => ({ ...claudeCode.command(input, installation), stdin: '/help' }),
  }
  const { exitCode, failed, events, usage } = await run(asCommand, '')
  expect([exitCode, failed, endpoint.requests.length]).toEqual([0, false, 0])
  expect(events.map(({ kind }) => kind)).toEqual(['session', 'output'])
  expect(usage.outputTokens ?? 0).toBe(0)
})

test('codex does not hand its key on to the commands of the agent', async () => {
  const { events } = await run(codex, 'shell: env')
  const finished = events.find(event => event.kind === 'tool_finished')
  expect(finished).toMatchObject({ success: true, output: expect.stringContaining('FROM_THE_REPO=yes') })
  expect(JSON.stringify(finished)).not.toContain(KEY)
})

test.each([
  'git push origin main --force',
  'cd . && git push -f',
  'git push origin +main',
  'sudo -n true',
  'cat .env',
])('claude refuses: %s', async command => {
  const { events } = await run(claudeCode, `shell: ${command}`)
  expect(events.find(event => event.kind === 'tool_finished')).toMatchObject({
    success: false,
    output: expect.stringContaining('has been denied'),
  })
})
