import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { call, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { descendantsOf } from './processes.ts'
import { makeRepository } from './repositories.ts'
import { getRun, readEvents, script, startRun, waitForEnd } from './runs.ts'
import { listSandboxes, readSandbox } from './sandboxes.ts'
import { runInHarness, runsAtEveryStage, STAGE_SETTINGS, type StagedRun, sandboxFiles } from './stages.ts'

setDefaultTimeout(180_000)

let system: System
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
})
afterAll(() => system.stop())

test('runs for one branch come one after another, oldest first, in one sandbox', async () => {
  const account = await signUpWithToken(system)
  const { repoId, ...remote } = await makeRepository(system, account)
  const fields = { repoId, workingBranch: 'shared', createBranch: true }
  const prompt = (index: number) =>
    script(`run echo begin ${index} >> order.txt`, 'sleep 300', `run echo end ${index} >> order.txt`)
  const runs = []
  for (const index of [1, 2, 3]) {
    runs.push(await startRun(system, account, { ...fields, prompt: prompt(index) }))
  }
  const ended = await Promise.all(runs.map(run => waitForEnd(system, account, run.runId)))
  expect(ended.map(run => run.status)).toEqual(['success', 'success', 'success'])
  expect(new Set(ended.map(run => run.sandboxRecordId)).size).toBe(1)
  expect(remote.read('shared', 'order.txt')).toBe(
    [1, 2, 3].map(index => `begin ${index}\nend ${index}\n`).join(''),
  )
})

test('a run beyond the user’s slots waits as pending, others’ runs do not wait for it', async () => {
  const account = await signUpWithToken(system)
  const runs = await runsAtEveryStage(system, account)
  const fourth = runs.find(run => run.stage === 'accepted') as StagedRun
  const other = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, other)
  const theirs = await startRun(system, other, { repoId, prompt: 'say hello' })
  expect((await waitForEnd(system, other, theirs.runId)).status).toBe('success')
  expect(await getRun(system, account, fourth.runId)).toMatchObject({ status: 'pending', sandboxId: null })
  runs.find(run => run.stage === 'harness')?.letGo()
  expect((await waitForEnd(system, account, fourth.runId)).status).toBe('success')
  const stillHeld = runs.filter(run => run.stage === 'cloning' || run.stage === 'delivering')
  for (const run of stillHeld) run.letGo()
  await Promise.all(stillHeld.map(run => waitForEnd(system, account, run.runId)))
})

test('after the run its sandbox is paused with its files; the same branch resumes it', async () => {
  const account = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, account)
  const fields = { repoId, workingBranch: 'again', createBranch: true }
  const isPaused = async () => (await listSandboxes(system, account))[0]?.status === 'paused'
  const first = await startRun(system, account, { ...fields, prompt: 'run echo kept > ~/kept' })
  await waitForEnd(system, account, first.runId)
  expect(await waitUntil(isPaused, { limitMs: 30_000 })).toBe(true)
  expect(descendantsOf(system.state().processes.runtime?.pid ?? 0)).toEqual([])

  const second = await startRun(system, account, { ...fields, prompt: 'run cat ~/kept' })
  const ended = await waitForEnd(system, account, second.runId)
  const events = await readEvents(system, account, second.runId)
  expect(events.find(event => event.type === 'tool_result')?.payload).toMatchObject({ output: 'kept\n' })
  expect(events.find(event => event.payload.stage === 'git_sync')?.payload.fresh_clone).toBe(false)
  expect(await waitUntil(isPaused, { limitMs: 30_000 })).toBe(true)
  const { states } = await readSandbox(system, account, ended.sandboxRecordId ?? '')
  const aRun = ['installing', 'running', 'pausing', 'paused']
  expect(states).toEqual(['creating', ...aRun, ...aRun])
})

test('deleting a repo cancels its runs and removes what is kept of it', async () => {
  const account = await signUpWithToken(system)
  const run = await runInHarness(system, account)
  const waiting = await startRun(system, account, {
    repoId: run.repoId,
    workingBranch: run.branch,
    prompt: 'say never',
  })
  const files = sandboxFiles(system, run.sandboxId ?? '')
  const mirror = join(system.home, 'runtime/mirrors', `${run.repoId}.git`)
  expect([existsSync(files), existsSync(mirror)]).toEqual([true, true])
  await call(system, 'DELETE', `/api/repos/${run.repoId}`, { as: account })
  for (const runId of [run.runId, waiting.runId]) {
    expect((await waitForEnd(system, account, runId, 40_000)).status).toBe('cancelled')
    const types = (await readEvents(system, account, runId)).map(event => event.type)
    expect(types).toContain('cancel_requested')
    expect(types.at(-1)).toBe('cancelled')
  }
  expect(await waitUntil(() => !existsSync(files) && !existsSync(mirror), { limitMs: 60_000 })).toBe(true)
  expect((await listSandboxes(system, account)).map(sandbox => sandbox.status)).toEqual(['stopped'])
})

test('what the agent used is in the run, and unknown is not zero', async () => {
  const account = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, account)
  const counted = await startRun(system, account, { repoId, prompt: script('usage 100 20', 'usage 5 1') })
  const uncounted = await startRun(system, account, { repoId, prompt: 'say nothing much' })
  expect((await waitForEnd(system, account, counted.runId)).usage).toMatchObject({
    inputTokens: 105,
    outputTokens: 21,
    costUsd: null,
  })
  expect((await waitForEnd(system, account, uncounted.runId)).usage).toBeNull()
})
