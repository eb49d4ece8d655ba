/** What a run left undelivered, seen by the runs after it (spec README, 41). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type Account, call, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'
import { getRun, readEvents, script, startRun, waitForEnd } from './runs.ts'

setDefaultTimeout(180_000)

let system: System
let account: Account
beforeAll(async () => {
  system = await startSystem({
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  account = await signUpWithToken(system)
})
afterAll(() => system.stop())

const syncsOf = async (runId: string) =>
  (await readEvents(system, account, runId)).filter(({ payload }) => payload.stage === 'git_sync')

test('what a failed run left is named by the next run, stays out of it, and comes back on request', async () => {
  const { repoId, ...remote } = await makeRepository(system, account)
  const branch = { repoId, workingBranch: 'task' }
  const failing = await startRun(system, account, {
    ...branch,
    prompt: script('write left.txt precious', 'fail no luck'),
  })
  expect((await waitForEnd(system, account, failing.runId)).status).toBe('failed')

  const next = await startRun(system, account, { ...branch, prompt: script('write other.txt fine') })
  expect(await waitForEnd(system, account, next.runId)).toMatchObject({
    status: 'success',
    delivery: { changedFiles: 1 },
  })
  expect(await getRun(system, account, next.runId)).toMatchObject({
    leftovers: { runId: failing.runId, files: 1 },
  })
  const [put] = await syncsOf(next.runId)
  const ref = `refs/mogplex/leftovers/${failing.runId}`
  expect(put).toMatchObject({ payload: { leftovers: { run_id: failing.runId, ref, files: 1, bytes: 9 } } })
  expect(put?.message).toContain('"leftovers": "resume"')
  expect(remote.read('task', 'left.txt')).toBeNull()

  const resuming = await startRun(system, account, {
    ...branch,
    leftovers: 'resume',
    prompt: script('run cat left.txt'),
  })
  expect(await waitForEnd(system, account, resuming.runId)).toMatchObject({
    status: 'success',
    leftovers: null,
    delivery: { changedFiles: 2 },
  })
  expect((await syncsOf(resuming.runId)).at(-1)?.payload).toMatchObject({
    resumed: { run_id: failing.runId, result: 'resumed' },
  })
  expect(remote.read('task', 'left.txt')?.trim()).toBe('precious')
})

test('a generated branch that the remote has no room for is shown by the name it has', async () => {
  const { repoId, path, branches } = await makeRepository(system, account)
  Bun.spawnSync(['git', 'branch', 'mogplex', 'main'], { cwd: path })
  const run = await startRun(system, account, { repoId, prompt: script('write x.txt x') })
  const { branch, status } = await waitForEnd(system, account, run.runId)
  expect([status, branch.working]).toEqual(['success', expect.stringMatching(/^mogplex-run-\d{4}-/)])
  expect(Object.keys(branches())).toContain(branch.working)
})

test('a wrong value of leftovers is refused by its name', async () => {
  const json = { repoId: crypto.randomUUID(), prompt: 'x', leftovers: 'keep' }
  const headers = { 'idempotency-key': crypto.randomUUID() }
  const as = { token: account.token }
  const options = { as, json, headers, expectStatus: 400 }
  const answer = await call(system, 'POST', '/api/v1/mogplex/runs', options)
  expect(JSON.stringify(answer)).toContain('leftovers must be')
})
