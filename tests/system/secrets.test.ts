import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { type ModelEndpoint, startModelEndpoint } from '../model-endpoint/endpoint.ts'
import { CACHE_DIRECTORY } from '../model-endpoint/run-cli.ts'
import { type Account, OPEN_DOORS, send, signUpWithToken, storeProviderKey } from './accounts.ts'
import { homeWithHarnesses, registrySettings } from './harnesses.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, importRepository, makeRemote } from './repositories.ts'
import { type Run, readEvents, script, startRun, waitForEnd } from './runs.ts'
import { readSandbox } from './sandboxes.ts'
import { STAGE_SETTINGS } from './stages.ts'
import {
  instanceSecrets,
  type Secrets,
  secretsIn,
  secretsInDatabase,
  secretsInFiles,
  watchArguments,
} from './traces.ts'

/** Enough to fetch a CLI on a slow line. */
setDefaultTimeout(270_000)

/** Of no known shape, so that only knowing them helps. */
const newSecret = () => `q${randomBytes(18).toString('hex')}`
const providerKey = newSecret()
const gitToken = newSecret()
const variable = newSecret()

let endpoint: ModelEndpoint
let remotes: HttpRemote
let system: System
let account: Account
let secrets: Secrets
let temporary: string
let args: ReturnType<typeof watchArguments>
beforeAll(async () => {
  endpoint = startModelEndpoint({ requiredKey: providerKey })
  remotes = serveHttpRemote(GIT_ROOT, { username: 'bot', token: gitToken })
  secrets = { 'provider key': providerKey, 'git token': gitToken, 'repo variable': variable }
  args = watchArguments(() => secrets)
  const home = homeWithHarnesses(CACHE_DIRECTORY)
  temporary = join(dirname(home), 'tmp')
  mkdirSync(temporary)
  const env = {
    ...registrySettings(),
    ...OPEN_DOORS,
    ...STAGE_SETTINGS,
    TMPDIR: temporary,
    OPENAI_BASE_URL: endpoint.openaiBaseUrl,
    ANTHROPIC_BASE_URL: endpoint.anthropicBaseUrl,
  }
  system = await startSystem({ env, home })
  account = await signUpWithToken(system)
  secrets = { ...secrets, token: account.token, session: account.cookie.split('=')[1] ?? '' }
  await storeProviderKey(system, account, 'openai', providerKey)
  await storeProviderKey(system, account, 'anthropic', providerKey)
})
afterAll(async () => {
  await system.stop()
  await Promise.all([remotes.stop(), endpoint.stop()])
})

/** A remote behind the git credential; its install command prints all it is given. */
async function secretRepository(): Promise<string> {
  return importRepository(system, account, {
    remote_url: `${remotes.origin}/${makeRemote().name}`,
    credential: { username: 'bot', token: gitToken },
    sandbox_env_vars: { REPO_VARIABLE: variable },
    install_command: 'env; cat /proc/self/environ',
  })
}

async function runToEnd(harness: string, prompt: string): Promise<Run> {
  const { runId } = await startRun(system, account, { repoId: await secretRepository(), harness, prompt })
  return waitForEnd(system, account, runId, 240_000)
}

/** Everything a client can read of the run. */
async function told(run: Run): Promise<string> {
  const sandbox = await readSandbox(system, account, run.sandboxRecordId ?? '')
  const events = await readEvents(system, account, run.runId)
  const stream = await send(system, 'GET', `/api/v1/mogplex/runs/${run.runId}/events`, {
    as: account,
    headers: { accept: 'text/event-stream' },
  })
  return JSON.stringify({ run, sandbox, events }) + (await stream.text())
}

/** The places where nothing of the person's may be: everything in the home but what agents wrote themselves. */
const inHome = (isOfAgent: (path: string) => boolean) =>
  secretsInFiles(system.home, secrets, path => path.startsWith('runtime/harnesses/') || isOfAgent(path))

test.each(['codex', 'claude-code'])('an ordinary run of %s leaves no secret anywhere', async harness => {
  const run = await runToEnd(harness, 'Do it.\nshell: echo done > DONE.md')
  expect([run.status, run.error]).toEqual(['success', null])
  expect(endpoint.requests.some(request => request.hasKey)).toBe(true)
  expect(remotes.authorizations.some(header => header !== null)).toBe(true)
  expect(secretsIn(await told(run), secrets, 'answers')).toEqual([])
  // The install command printed it, and what it prints is kept.
  const { installLog } = await readSandbox(system, account, run.sandboxRecordId ?? '')
  expect(installLog).toContain('REPO_VARIABLE=[redacted]')
  expect(await secretsInDatabase(system, secrets)).toEqual([])
  expect(inHome(() => false)).toEqual([])
  // The search finds what is there.
  const id = { 'run id': run.runId }
  expect(await secretsInDatabase(system, id)).toContain('run id in table runtime.agent_runs')
  expect(secretsInFiles(system.home, id).join()).toContain('run id in logs/runtime.log')
})

/** Says the variable where it could slip through: raw, in JSON, as a name, cut in two by a limit. */
const LEAKS = script(
  'run env; echo "$REPO_VARIABLE" >&2; touch "/tmp/$REPO_VARIABLE"; ls /tmp',
  `run printf '{"a":{"b":"%s"}}' "$REPO_VARIABLE"`,
  'run printf "%0190d%s" 0 "$REPO_VARIABLE"',
  'run printf "%039990d%s" 0 "$REPO_VARIABLE"',
)

test('an agent that says all it knows is not repeated', async () => {
  const [echo, codex, claude] = await Promise.all([
    runToEnd('echo', LEAKS),
    runToEnd(
      'codex',
      `shell: env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'; printf '%039900d'; cat /proc/[0-9]*/environ`,
    ),
    runToEnd('claude-code', `shell: env; cat /proc/[0-9]*/environ | tr '\\0' '\\n'`),
  ])
  for (const run of [echo, codex, claude]) {
    const text = await told(run)
    expect(text).toContain('REPO_VARIABLE=[redacted]')
    expect(secretsIn(text, secrets, `answers of ${run.status}`)).toEqual([])
    expect(secretsIn(text.replaceAll(/0{20,}/g, ''), halves(), 'answers')).toEqual([])
  }
  expect(await secretsInDatabase(system, { ...secrets, ...halves() })).toEqual([])
  // What the agent writes down itself, its CLI's notes included, is the agent's.
  expect(inHome(path => path.startsWith('runtime/sandboxes/'))).toEqual([])
})

/** Long parts of the secrets, as a cut would leave them. */
function halves(): Secrets {
  const half = (text: string) => [text.slice(0, 12), text.slice(-12)]
  return Object.fromEntries(
    Object.entries({ 'provider key': providerKey, 'repo variable': variable }).flatMap(([name, value]) =>
      half(value).map((part, index) => [`half ${index + 1} of ${name}`, part]),
    ),
  )
}

test('a refusal does not repeat the secret it refuses', async () => {
  const badKey = `${newSecret()} with blanks`
  const badToken = newSecret()
  secrets = { ...secrets, 'refused key': badKey.split(' ')[0] ?? '', 'refused token': badToken }
  const remote = `${remotes.origin}/${makeRemote().name}`
  const bot = { username: 'bot', token: badToken }
  const { cookie } = account
  const withPassword = `${remotes.origin.replace('//', `//bot:${badToken}@`)}/x.git`
  const refusals = [
    send(system, 'PUT', '/api/settings/keys', { as: { cookie }, json: { provider: 'openai', key: badKey } }),
    send(system, 'POST', '/api/repos', {
      as: account,
      json: { provider: 'git', remote_url: remote, credential: bot },
    }),
    send(system, 'POST', '/api/repos', { as: account, json: { provider: 'git', remote_url: withPassword } }),
    send(system, 'GET', '/api/settings', { as: { token: badToken } }),
    send(system, 'GET', '/api/settings', { as: { token: `mog_${badToken.slice(0, 32)}` } }),
    send(system, 'GET', '/api/settings', { as: { cookie: `mogplex_session=${badToken}` } }),
    send(system, 'GET', `/api/repos?token=${badToken}`),
  ]
  for (const answer of await Promise.all(refusals)) {
    expect(answer.status).toBeGreaterThanOrEqual(400)
    const text = JSON.stringify([...answer.headers]) + (await answer.text())
    expect(secretsIn(text, secrets, new URL(answer.url).pathname)).toEqual([])
  }
  expect(secretsInFiles(join(system.home, 'logs'), secrets)).toEqual([])
  expect(await secretsInDatabase(system, secrets)).toEqual([])
})

test('the instance’s own keys stay in their file', async () => {
  const own = instanceSecrets(system)
  expect(Object.keys(own).length).toBeGreaterThan(10)
  expect(secretsInFiles(join(system.home, 'logs'), own)).toEqual([])
  expect(secretsInFiles(join(system.home, 'runtime/sandboxes'), own)).toEqual([])
  expect(secretsInFiles(join(system.home, 'runtime/mirrors'), own)).toEqual([])
  expect(await secretsInDatabase(system, own)).toEqual([])
})

test('no argument of any process and no temporary file held a secret', () => {
  expect(args.looks()).toBeGreaterThan(100)
  expect(args.stop()).toEqual([])
  expect(secretsInFiles(temporary, { ...secrets, ...instanceSecrets(system) })).toEqual([])
})
