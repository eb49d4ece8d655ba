/**
 * The whole product with the real codex and claude: accepted over HTTP, run in a sandbox against a stand-in
 * for the model, delivered to a real remote (issue 2; runtime spec 2 to 5). The first run on a machine
 * installs the CLIs by the product's own means; later ones find them.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { identifyProcess, isStillRunning } from '@mogplex/kit/processes/identity.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type ModelEndpoint, startModelEndpoint } from '../model-endpoint/endpoint.ts'
import { CACHE_DIRECTORY } from '../model-endpoint/run-cli.ts'
import { type Account, OPEN_DOORS, signUpWithToken, storeProviderKey } from './accounts.ts'
import { homeWithHarnesses, registrySettings } from './harnesses.ts'
import { type System, startSystem } from './launch.ts'
import { allProcesses, descendantsOf } from './processes.ts'
import { GIT_ROOT, git, makeRepository } from './repositories.ts'
import { cancelRun, type RunEvent, readEvents, startRun, waitForEnd, waitForEvent } from './runs.ts'

/** Enough to fetch a CLI on a slow line. */
const RUN_LIMIT_MS = 240_000
const CANCEL_LIMIT_MS = 10_000
const KEY = 'sk-stand-in-the-right-one'
const WRONG_KEY = 'sk-stand-in-another-one'

setDefaultTimeout(RUN_LIMIT_MS + 30_000)

let endpoint: ModelEndpoint
let system: System
beforeAll(async () => {
  endpoint = startModelEndpoint({ requiredKey: KEY })
  const env = {
    ...registrySettings(),
    ...OPEN_DOORS,
    LOCAL_GIT_ROOTS: GIT_ROOT,
    OPENAI_BASE_URL: endpoint.openaiBaseUrl,
    ANTHROPIC_BASE_URL: endpoint.anthropicBaseUrl,
  }
  system = await startSystem({ env, home: homeWithHarnesses(CACHE_DIRECTORY) })
})
afterAll(async () => {
  await system.stop()
  await endpoint.stop()
})

/** What happened, one word an event; how often the CLI had to be installed is not the run's business. */
function story(events: RunEvent[]): unknown[] {
  return events
    .map(({ type, payload }) => (type === 'log' ? payload.stage : type))
    .filter(word => word !== 'install')
}

const harnesses = [
  { harness: 'codex', provider: 'openai', toolName: 'shell', reportsCost: false },
  { harness: 'claude-code', provider: 'anthropic', toolName: 'Bash', reportsCost: true },
]

describe.each(harnesses)('$harness', ({ harness, provider, toolName, reportsCost }) => {
  let account: Account
  beforeAll(async () => {
    account = await withKey(KEY)
  })

  async function withKey(key: string): Promise<Account> {
    const made = await signUpWithToken(system)
    await storeProviderKey(system, made, provider, key)
    return made
  }

  async function runToEnd(as: Account, repoId: string, prompt: string, fields: Record<string, unknown> = {}) {
    const { runId } = await startRun(system, as, { repoId, harness, prompt, ...fields })
    const run = await waitForEnd(system, as, runId, RUN_LIMIT_MS)
    return { run, events: await readEvents(system, as, runId) }
  }

  test("the agent's commit is on the branch it was promised, with its story and its price", async () => {
    const repository = await makeRepository(system, account)
    const { main } = repository.branches()
    const prompt = 'Greet the world.\nshell: echo hello > GREETING.md'
    const { run, events } = await runToEnd(account, repository.repoId, prompt)
    expect([run.status, run.error]).toEqual(['success', null])

    const { working } = run.branch
    const commit = repository.branches()[working] ?? null
    expect(run.delivery).toMatchObject({ branch: working, commit, changed: true, pushed: true })
    expect(run.delivery?.changedFiles).toBe(1)
    expect(repository.branches()).toEqual({ main: main ?? '', [working]: commit ?? '' })
    expect(repository.read(working, 'GREETING.md')).toBe('hello\n')
    const told = git(repository.path, 'log', '--format=%an <%ae>, %cn <%ce>: %s', `main..${working}`)
    const person = /^(Person \d+ <\S+>), \1: Greet the world\.$/
    expect(told).toMatch(person)
    expect(told).toContain(`<${account.email}>`)

    expect(story(events)).toEqual([
      ...['started', 'git_sync', 'stream_started', 'tool_call', 'tool_result', 'assistant_message'],
      ...['git_delivery', 'finished'],
    ])
    const tools = events.filter(event => event.type.startsWith('tool_'))
    expect(tools.map(tool => tool.toolName)).toEqual([toolName, toolName])
    expect(tools[0]?.payload).toMatchObject({
      input: { command: expect.stringContaining('echo hello > GREETING.md') },
    })
    expect(tools[1]?.payload).toMatchObject({ success: true })

    expect(run.usage?.inputTokens).toBeGreaterThan(100)
    expect(run.usage?.outputTokens).toBeGreaterThan(10)
    // codex does not say which model it chose, so its price is unknown rather than guessed.
    if (reportsCost) expect(run.usage?.costUsd).toBeGreaterThan(0)
    else expect(run.usage?.costUsd).toBeNull()
  })

  test('an agent that commits everything itself commits nothing of ours, and is delivered', async () => {
    const repository = await makeRepository(system, account)
    const commit = 'git add -A && git -c user.name=A -c user.email=a@example.test commit -qm all'
    const { run } = await runToEnd(account, repository.repoId, `shell: echo hello > OWN.md; ${commit}`)
    expect([run.status, run.error]).toEqual(['success', null])
    const changed = git(repository.path, 'diff', '--name-only', 'main', run.branch.working)
    expect(changed).toBe('OWN.md')
    expect(git(repository.path, 'log', '-1', '--format=%s', run.branch.working)).toBe('all')
  })

  test('a second run on the branch goes on in the same sandbox, where the first left it', async () => {
    const repository = await makeRepository(system, account)
    const first = await runToEnd(account, repository.repoId, 'shell: touch ~/kept; echo one > ONE.md')
    const { working: workingBranch } = first.run.branch
    const again = { workingBranch, createBranch: false }
    const second = await runToEnd(account, repository.repoId, 'shell: ls ~ ONE.md > TWO.md', again)
    expect([second.run.status, second.run.error]).toEqual(['success', null])
    expect(second.run.sandboxId).toBe(first.run.sandboxId)
    const sync = second.events.find(event => event.payload.stage === 'git_sync')
    expect(sync?.payload).toMatchObject({ fresh_clone: false, commit: first.run.delivery?.commit })
    const seen = repository.read(workingBranch, 'TWO.md') ?? ''
    expect(seen).toContain('kept')
    expect(seen).toContain('ONE.md')
    const commits = git(repository.path, 'log', '--format=%H', `main..${workingBranch}`).split('\n')
    expect(commits).toEqual([second.run.delivery?.commit ?? '', first.run.delivery?.commit ?? ''])
  })

  test('a key the model provider refuses fails the run as model_access_denied', async () => {
    const stranger = await withKey(WRONG_KEY)
    const repository = await makeRepository(system, stranger)
    const { run, events } = await runToEnd(stranger, repository.repoId, 'hello')
    expect([run.status, run.delivery]).toEqual(['failed', null])
    expect(run.error).toContain('refused access')
    expect(events.at(-1)).toMatchObject({
      type: 'failed',
      payload: { failure_code: 'model_access_denied' },
    })
  })

  test("the provider's rate limit fails the run as rate_limited", async () => {
    const repository = await makeRepository(system, account)
    endpoint.behave({ isRateLimited: true })
    const { run, events } = await runToEnd(account, repository.repoId, 'hello').finally(() =>
      endpoint.behave({ isRateLimited: false }),
    )
    expect([run.status, run.delivery]).toEqual(['failed', null])
    expect(events.at(-1)).toMatchObject({ type: 'failed', payload: { failure_code: 'rate_limited' } })
  })

  test('a cancelled run ends its CLI and what that started, and pushes nothing; no argument tells', async () => {
    const repository = await makeRepository(system, account)
    const { main } = repository.branches()
    const confidence = `Between you and me ${crypto.randomUUID()}.`
    const prompt = `${confidence}\nshell: echo early > EARLY.md; sleep 60`
    const { runId } = await startRun(system, account, { repoId: repository.repoId, harness, prompt })
    await waitForEvent(system, account, runId, event => event.type === 'tool_call', RUN_LIMIT_MS)

    const inSandbox = await sandboxProcesses(system, 'sleep 60')
    const commands = inSandbox.map(({ command }) => command)
    expect(commands).toContainEqual(expect.stringMatching(new RegExp(`^/opt/mogplex/${harness}/`)))
    for (const secret of [confidence, KEY]) {
      expect(allProcesses().filter(({ command }) => command.includes(secret))).toEqual([])
    }

    expect((await cancelRun(system, account, runId)).alreadyTerminal).toBe(false)
    const isEmpty = () => !inSandbox.some(isStillRunning)
    expect(await waitUntil(isEmpty, { limitMs: CANCEL_LIMIT_MS })).toBe(true)
    const run = await waitForEnd(system, account, runId, CANCEL_LIMIT_MS)
    expect([run.status, run.delivery, run.error]).toEqual(['cancelled', null, null])
    expect((await readEvents(system, account, runId)).at(-1)?.type).toBe('cancelled')
    // The branch was created before the agent started; nothing of the agent's is on it.
    expect(repository.branches()).toEqual({ main: main ?? '', [run.branch.working]: main ?? '' })
  })
})

test('the key is in no file of the instance: neither in logs and events nor in what sandboxes keep', () => {
  const filesWith = (text: string) => {
    const found = Bun.spawnSync(['grep', '-rlaF', '--', text, system.home])
    return found.stdout.toString().split('\n').filter(Boolean)
  }
  expect(filesWith('Greet the world.')).not.toEqual([])
  for (const key of [KEY, WRONG_KEY]) expect(filesWith(key)).toEqual([])
  expect(system.output()).not.toContain(KEY)
})

/** The tree below the sandbox in which `command` runs, once it does. */
async function sandboxProcesses({ state }: System, command: string) {
  const runtime = state().processes.runtime?.pid ?? 0
  const tree = () => descendantsOf(runtime)
  const isThere = () => tree().some(process => process.command.endsWith(command))
  expect(await waitUntil(isThere, { limitMs: 60_000 })).toBe(true)
  return tree().map(process => ({ ...process, identity: identifyProcess(process.pid) ?? '' }))
}
