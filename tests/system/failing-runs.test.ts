import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { processesWith } from './processes.ts'
import { makeRepository } from './repositories.ts'
import { getRun, readEvents, script, startRun, waitForEnd } from './runs.ts'
import { runCloning, runInHarness, STAGE_SETTINGS } from './stages.ts'

setDefaultTimeout(180_000)

/** Agents that are held are silent meanwhile, so this is how long a test may hold one. */
const IDLE_SECONDS = 10
const TIMEOUT_SECONDS = 20

let system: System
let account: Account
beforeAll(async () => {
  const limits = {
    RUN_TIMEOUT_SECONDS: String(TIMEOUT_SECONDS),
    RUN_IDLE_TIMEOUT_SECONDS: String(IDLE_SECONDS),
  }
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS, ...limits } })
  account = await signUpWithToken(system)
})
afterAll(() => system.stop())

/** Three processes that do not end by themselves, and how they are found. */
function stubbornTree() {
  const mark = `stubborn-${crypto.randomUUID()}`
  const sleeper = `bash -c 'exec -a ${mark} sleep 600' >/dev/null 2>&1`
  const line = `run trap '' INT TERM HUP; setsid -f ${sleeper}; (${sleeper} &); (setsid ${sleeper} &)`
  return { line, isGone: () => waitUntil(() => processesWith(mark).length === 0, { limitMs: 30_000 }) }
}

/** How a run failed: its error, and what the last event says of it. */
async function failureOf(runId: string, as = account, limitMs = 60_000) {
  const run = await waitForEnd(system, as, runId, limitMs)
  const last = (await readEvents(system, as, runId)).at(-1)
  expect([run.status, last?.type]).toEqual(['failed', 'failed'])
  expect(last?.payload.error).toBe(run.error)
  return { error: run.error, code: last?.payload.failure_code, exitCode: last?.payload.exit_code, run }
}

async function failureOfPrompt(...lines: string[]) {
  const { repoId, ...remote } = await makeRepository(system, account)
  const run = await startRun(system, account, { repoId, prompt: script(...lines) })
  return { ...(await failureOf(run.runId)), remote, branch: run.branch.working }
}

test('an agent that works too long is ended with everything it started', async () => {
  const tree = stubbornTree()
  const chatter = Array.from({ length: 120 }, () => ['say still here', 'sleep 500']).flat()
  const failure = await failureOfPrompt(tree.line, 'write half.txt done', 'usage 7 3', ...chatter)
  expect(failure).toMatchObject({
    code: 'timeout',
    error: `The agent ran longer than ${TIMEOUT_SECONDS} s`,
    run: { usage: { inputTokens: 7, outputTokens: 3 }, delivery: null },
  })
  expect(await tree.isGone()).toBe(true)
  expect(failure.remote.read(failure.branch, 'half.txt')).toBeNull()
})

test('an agent that says nothing for too long is ended with everything it started', async () => {
  const tree = stubbornTree()
  const failure = await failureOfPrompt(tree.line, 'sleep 60000')
  expect(failure).toMatchObject({
    code: 'idle_timeout',
    error: `The agent said nothing for ${IDLE_SECONDS} s`,
  })
  expect(await tree.isGone()).toBe(true)
})

test('an agent that fails fails the run, with its exit code, and delivers nothing', async () => {
  const failure = await failureOfPrompt('write half.txt done', 'fail the tests are red')
  expect(failure).toMatchObject({ code: 'command_failed', exitCode: 1 })
  expect(failure.error).toContain('the tests are red')
  expect(failure.remote.read(failure.branch, 'half.txt')).toBeNull()
})

test('a branch that is nowhere fails the run before the agent starts', async () => {
  const { repoId } = await makeRepository(system, account)
  const fields = { repoId, prompt: 'say hello', createBranch: false, workingBranch: 'nowhere' }
  const { runId } = await startRun(system, account, fields)
  expect(await failureOf(runId)).toMatchObject({
    code: 'git_sync_failed',
    error: 'The working branch "nowhere" does not exist',
  })
  const types = (await readEvents(system, account, runId)).map(event => event.type)
  expect(types).not.toContain('stream_started')
})

test('a remote that takes nothing fails the delivery, and says that the agent is not to blame', async () => {
  const run = await runInHarness(system, account)
  writeFileSync(join(run.remote.path, 'refs/heads', `${run.branch}.lock`), '')
  run.letGo()
  expect(await failureOf(run.runId)).toMatchObject({
    code: 'delivery_failed',
    error: expect.stringContaining(
      'delivery failed: the remote rejected the branch: another git is writing it',
    ),
  })
})

test.each(['codex', 'claude-code'])('without a key for its model %s does not start', async harness => {
  const other = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, other)
  const { runId } = await startRun(system, other, { repoId, harness, prompt: 'say hello' })
  expect(await failureOf(runId, other)).toMatchObject({ code: 'credentials_missing' })
})

test('SIGTERM fails what an agent works on, gives back what has not begun, and leaves no process', async () => {
  const other = await signUpWithToken(system)
  const tree = stubbornTree()
  const [cloning, working] = [await runCloning(system, other), await runInHarness(system, other, tree.line)]
  const pid = system.state().processes.runtime?.pid ?? 0
  process.kill(pid, 'SIGTERM')
  expect(await waitUntil(() => system.state().processes.runtime?.pid !== pid, { limitMs: 60_000 })).toBe(true)
  expect(await tree.isGone()).toBe(true)
  await system.ready('runtime')
  expect(await getRun(system, other, working.runId)).toMatchObject({
    status: 'failed',
    error: 'The runtime was shut down while the agent ran',
  })
  expect((await failureOf(working.runId, other)).code).toBe('runner_lost')
  cloning.letGo()
  expect((await waitForEnd(system, other, cloning.runId)).status).toBe('success')
})
