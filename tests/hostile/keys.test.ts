/**
 * A repository, an agent and what an earlier run left try to get at the key that pays for the model, and to command
 * the CLI that uses it. The real codex and claude, in runs of the started product.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { CACHE_DIRECTORY } from '../model-endpoint/run-cli.ts'
import { type Account, OPEN_DOORS, signUpWithToken, storeProviderKey } from '../system/accounts.ts'
import { homeWithHarnesses, registrySettings } from '../system/harnesses.ts'
import { type System, startSystem } from '../system/launch.ts'
import { descendantsOf } from '../system/processes.ts'
import { git, makeRepository, type Repository } from '../system/repositories.ts'
import { script, startRun, waitForEnd } from '../system/runs.ts'
import { STAGE_SETTINGS, sandboxFiles } from '../system/stages.ts'
import { secretsInFiles } from '../system/traces.ts'
import { findInProcess } from './keys/memory.ts'
import { type ReflectingModel, startReflectingModel } from './keys/model.ts'
import { probeScript, probes } from './keys/probe.ts'
import { CLAUDE_EVENTS, CODEX_EVENTS, INSTRUCTIONS, repositoryFiles } from './keys/traps.ts'

/** Enough to fetch a CLI on a slow line. */
const RUN_LIMIT_MS = 240_000
setDefaultTimeout(2 * RUN_LIMIT_MS)

const KEY = `sk-${crypto.randomUUID()}`
const attacked: string[] = []
const attacker = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: request => {
    attacked.push(request.url)
    return new Response('thanks')
  },
})
const PROBES = probes(`127.0.0.1:${attacker.port}`)

let model: ReflectingModel
let system: System
let account: Account
/** Files of the sandbox that all runs of the branch share, as the host sees them. */
let files: string
/** Marks after all runs in which the model was asked, by their names. */
let marks: string[]
/** Where the key was found while an agent ran that was left time to look for it. */
const found: Record<string, string[]> = {}

beforeAll(async () => {
  model = startReflectingModel(KEY, attacker.url.origin)
  const env = {
    ...registrySettings(),
    ...OPEN_DOORS,
    ...STAGE_SETTINGS,
    OPENAI_BASE_URL: `${model.origin}/v1`,
    ANTHROPIC_BASE_URL: model.origin,
  }
  system = await startSystem({ env, home: homeWithHarnesses(CACHE_DIRECTORY) })
  account = await signUpWithToken(system)
  await storeProviderKey(system, account, 'openai', KEY)
  await storeProviderKey(system, account, 'anthropic', KEY)
  await runEverything()
})
afterAll(async () => {
  await system.stop()
  await Promise.all([model.stop(), attacker.stop(true)])
})

/** SAFE runs come after something was planted: in them nothing may run that is not the model's wish. */
async function runEverything(): Promise<void> {
  const repository = await hostileRepository()
  const first = await startRun(system, account, { repoId: repository.repoId, prompt: 'run sh plant.sh' })
  const planted = await waitForEnd(system, account, first.runId)
  files = sandboxFiles(system, planted.sandboxId ?? '')
  if (!existsSync(join(files, 'home/.claude/settings.json'))) throw new Error('nothing was planted')
  const branch = { repoId: repository.repoId, workingBranch: planted.branch.working, createBranch: false }
  const run = async (harness: string, mode: string, command: string) => {
    const prompt = `Go on.\nshell: ${command}`
    const { runId } = await startRun(system, account, { ...branch, harness, mode, prompt })
    return waitForEnd(system, account, runId, RUN_LIMIT_MS)
  }
  await run('claude-code', 'SAFE', 'true')
  const busy = run('claude-code', 'AUTO', `sh plant.sh; bash probe.sh; ${WAIT}`)
  found.claude = await searchWhileRunning()
  await busy
  await run('codex', 'SAFE', 'true')
  const busyToo = run('codex', 'AUTO', WAIT)
  found.codex = await searchWhileRunning()
  await busyToo
  await run('claude-code', 'SAFE', 'true')
  marks = readdirSync(join(files, 'home/marks'))
}

/** By `mv`: codex refuses what looks like `rm -f`. */
const WAIT = 'touch ~/waiting; until mv ~/go ~/went 2>/dev/null; do sleep 0.1; done; mv ~/waiting ~/waited'

async function hostileRepository(): Promise<Repository> {
  const repository = await makeRepository(system, account)
  const work = join(temporaryDirectory('hostile'), 'work')
  git(dirname(work), 'clone', '-q', repository.path, work)
  const all = { ...repositoryFiles(attacker.url.origin), 'probe.sh': probeScript(PROBES, 3129) }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(work, path)), { recursive: true })
    writeFileSync(join(work, path), text, { mode: path.endsWith('.sh') ? 0o755 : 0o644 })
  }
  git(work, 'add', '-f', '.')
  git(work, 'commit', '-q', '-m', 'Set the traps')
  git(work, 'push', '-q', 'origin', 'main')
  return repository
}

/** Looks at every process of the sandbox and at all of its files while the agent waits, then lets it go. */
async function searchWhileRunning(): Promise<string[]> {
  const waiting = join(files, 'home/waiting')
  if (!(await waitUntil(() => existsSync(waiting), { limitMs: RUN_LIMIT_MS })))
    throw new Error('the agent never came to wait')
  const runtime = system.state().processes.runtime?.pid ?? 0
  const tree = descendantsOf(runtime)
  const inside = tree.find(({ command }) => command.startsWith('/opt/mogplex/'))
  if (!inside) throw new Error('no CLI runs')
  const secrets = { key: KEY }
  const places = ['tmp', 'run', 'workspace', 'home', 'etc', 'dev/shm']
  const inFiles = places.flatMap(place => secretsInFiles(`/proc/${inside.pid}/root/${place}`, secrets))
  const inProcesses = tree.flatMap(({ pid, command }) =>
    findInProcess(pid, KEY).map(where => `${where}: ${command}`),
  )
  writeFileSync(join(files, 'home/go'), '')
  await waitUntil(() => !existsSync(waiting), { limitMs: RUN_LIMIT_MS })
  return [...inFiles, ...inProcesses]
}

/** Not one of these marks: nobody has run it. */
const unmarked = (prefix: string) => expect(marks.filter(mark => mark.startsWith(prefix))).toEqual([])

describe('a repository tries to command claude, also in SAFE', () => {
  for (const event of CLAUDE_EVENTS) {
    test(`by a hook for ${event} in its settings`, () => unmarked(`repository-claude-hook-${event}`))
  }
  test.each([
    ['by hooks in its local settings', 'repository-claude-local-hook'],
    ['by an apiKeyHelper', 'repository-claude-apiKeyHelper'],
    ['by an apiKeyHelper in its local settings', 'repository-claude-local-apiKeyHelper'],
    ['by a status line', 'repository-claude-statusLine'],
    ['by a helper for telemetry headers', 'repository-claude-otelHeadersHelper'],
    ['by a variable that puts a program before each command', 'repository-claude-shell-prefix'],
    ['by that variable in its local settings', 'repository-claude-local-shell-prefix'],
    ['by an MCP server in .mcp.json', 'repository-mcp-json'],
    ['by hooks of a plugin that it enables', 'repository-claude-plugin'],
    ['by a hook in the definition of an agent', 'repository-claude-agent'],
    ['by a command within a skill', 'repository-claude-skill'],
    ['by a command within a command of its own', 'repository-claude-command'],
    ['by variables in .env', 'dotenv'],
    ['by a module that its bunfig.toml loads', 'preload'],
  ])('%s', (_, prefix) => unmarked(prefix))
})

describe('a repository tries to command codex, also in SAFE', () => {
  for (const event of CODEX_EVENTS) {
    test(`by a hook for ${event} in .codex/hooks.json`, () => unmarked(`repository-codex-hook-${event}`))
  }
  test.each([
    ['by a hook in .codex/config.toml', 'repository-codex-toml-hook'],
    ['by a program that is told of turns', 'repository-codex-notify'],
    ['by an MCP server', 'repository-codex-mcp'],
  ])('%s', (_, prefix) => unmarked(prefix))
})

describe('an earlier run of the branch tries to command the next one from HOME', () => {
  test.each([
    ['by hooks in the settings of claude', 'left-over-claude-hook'],
    ['by an apiKeyHelper there', 'left-over-claude-apiKeyHelper'],
    ['by a status line there', 'left-over-claude-statusLine'],
    ['by a variable there that puts a program before each command', 'left-over-claude-shell-prefix'],
    ['by settings that claude takes for those of an organisation', 'left-over-claude-remote'],
    ['by an MCP server in .claude.json', 'left-over-claude-mcp'],
    ['by a program in the config of codex that is told of turns', 'left-over-codex-notify'],
    ['by an MCP server there', 'left-over-codex-mcp'],
    ['by hooks of codex', 'left-over-codex-hook'],
    ['by a hook in the config of codex', 'left-over-codex-toml-hook'],
    ['by what codex takes for managed configuration', 'left-over-codex-managed'],
    ['by start-up files of the shell', 'left-over-shell'],
    ['by a program in the configuration of git', 'left-over-gitconfig'],
  ])('%s', (_, prefix) => unmarked(prefix))

  test('by instructions of its own', () => {
    const said = model.seen.map(({ body }) => body).join()
    expect(said).not.toContain('Left over for')
  })
})

test('somebody tries to have the model asked at another address', () => {
  expect(attacked).toEqual([])
})

test('the instructions of the repository still reach both models', () => {
  const told = (path: string) =>
    model.seen.some(({ path: asked, body }) => asked === path && body.includes(INSTRUCTIONS))
  expect([told('/v1/messages'), told('/v1/responses')]).toEqual([true, true])
})

describe('an agent tries, at the way to its model,', () => {
  const answerTo = (name: string) => readFileSync(join(files, 'home/answers', name), 'latin1')
  for (const [name, { tries, answered }] of Object.entries(PROBES)) {
    test(tries, () => {
      const answer = answerTo(name)
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]
      expect(answered).toContain(status === undefined ? null : Number(status))
      expect(answer).not.toContain(KEY)
    })
  }

  test('to get past it: nothing outside of the base was asked, and every request had the one right key', () => {
    expect(model.seen.filter(({ path }) => !path.startsWith('/v1/') || path.includes('admin'))).toEqual([])
    const keys = model.seen.map(({ apiKey, authorization }) => apiKey ?? authorization)
    expect(new Set(keys)).toEqual(new Set([KEY, `Bearer ${KEY}`]))
    expect(model.seen.every(({ apiKey, authorization }) => apiKey === null || authorization === null)).toBe(
      true,
    )
    expect(new Set(model.seen.map(({ cookie, host }) => [cookie, host].join()))).toEqual(
      new Set([`,${new URL(model.origin).host}`]),
    )
    const asked = new Set(model.seen.map(({ path }) => path))
    for (const path of ['/v1/probe-host', '/v1/probe-own', '/v1/probe-drop', '/v1/reflect', '/v1/redirect'])
      expect(asked).toContain(path)
  })

  test('to find it without having a model', async () => {
    const { repoId } = await makeRepository(system, account)
    const look =
      'run (bash -c "</dev/tcp/127.0.0.1/3129" || echo closed) > ~/port 2>&1; ls /run/mogplex > ~/sockets'
    const { runId } = await startRun(system, account, { repoId, prompt: script(look) })
    const { sandboxId } = await waitForEnd(system, account, runId)
    const home = join(sandboxFiles(system, sandboxId ?? ''), 'home')
    expect(readFileSync(join(home, 'port'), 'utf8')).toContain('closed')
    expect(readFileSync(join(home, 'sockets'), 'utf8')).not.toContain('3129')
  })
})

describe.each(['claude', 'codex'])('somebody in the sandbox of %s looks for the key', harness => {
  test('in every process, its arguments, environment and memory, and in every file', () => {
    expect(found[harness]).toEqual([])
  })
})

test('somebody looks for the key in what is left behind', () => {
  expect(secretsInFiles(dirname(files), { key: KEY })).toEqual([])
  expect(secretsInFiles(join(system.home, 'logs'), { key: KEY })).toEqual([])
  expect(system.output()).not.toContain(KEY)
})
