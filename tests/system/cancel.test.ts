import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { descendantsOf, processesWith } from './processes.ts'
import { cancelRun, readEvents, script, startRun, waitForEnd, waitForEvent } from './runs.ts'
import {
  runCloning,
  runDelivering,
  runInHarness,
  runsAtEveryStage,
  STAGE_SETTINGS,
  type StagedRun,
} from './stages.ts'

setDefaultTimeout(180_000)

/** How soon nothing of a cancelled run may run any more. */
const GONE_LIMIT_MS = 10_000
/** Long enough for a push that nobody stopped to arrive. */
const AFTERWARDS_MS = 2_000

let system: System
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
})
afterAll(() => system.stop())

let account: Account
const newAccount = async () => {
  account = await signUpWithToken(system)
  return account
}
const runtimePid = () => system.state().processes.runtime?.pid ?? 0
/** What the runtime has started and what names the run's sandbox, wherever it hangs in the tree. */
const leftOf = ({ sandboxId }: StagedRun, ...marks: string[]) => [
  ...descendantsOf(runtimePid()),
  ...[...(sandboxId ? [sandboxId] : []), ...marks].flatMap(processesWith),
]

/** Cancels, and sees that all is over in time and stays over once the run could go on. */
async function expectCancelled(run: StagedRun, ...marks: string[]) {
  const { remote, runId } = run
  const before = remote.branches()
  const askedAt = performance.now()
  await cancelRun(system, account, runId)
  const isGone = await waitUntil(() => leftOf(run, ...marks).length === 0, { limitMs: GONE_LIMIT_MS })
  expect(isGone ? [] : leftOf(run, ...marks)).toEqual([])
  const ended = await waitForEnd(system, account, runId, GONE_LIMIT_MS)
  expect(performance.now() - askedAt).toBeLessThan(GONE_LIMIT_MS)
  expect(ended).toMatchObject({ status: 'cancelled', error: null, delivery: null })
  const types = (await readEvents(system, account, runId)).map(event => event.type)
  expect(types.filter(type => type === 'cancel_requested')).toHaveLength(1)
  expect(types.slice(-1)).toEqual(['cancelled'])
  run.letGo()
  await Bun.sleep(AFTERWARDS_MS)
  expect(remote.branches()).toEqual(before)
  expect((await cancelRun(system, account, runId)).outcome).toBe('already_terminal')
}

test('a run is cancelled while it clones', async () => {
  await expectCancelled(await runCloning(system, await newAccount()))
})

test('a run is cancelled while the agent works, whatever it started', async () => {
  const mark = `stubborn-${crypto.randomUUID()}`
  const sleeper = `bash -c 'exec -a ${mark} sleep 600' >/dev/null 2>&1`
  const run = await runInHarness(
    system,
    await newAccount(),
    // Of a session of its own, orphaned, both; deaf to what can be ignored.
    `run trap '' INT TERM HUP; setsid -f ${sleeper}; (${sleeper} &); (setsid ${sleeper} &)`,
    'write work.txt done',
  )
  expect(await waitUntil(() => processesWith(mark).length === 3, { limitMs: 30_000 })).toBe(true)
  await expectCancelled(run, mark)
  expect(run.remote.read(run.branch, 'work.txt')).toBeNull()
})

test('a run is cancelled while it delivers', async () => {
  const run = await runDelivering(system, await newAccount())
  await expectCancelled(run, run.remote.name)
  expect(run.remote.read(run.branch, 'starts.txt')).toBeNull()
})

test('a push that was under way when the cancel came, and arrived, is in the delivery', async () => {
  const run = await runDelivering(system, await newAccount())
  const { runId, remote, branch } = run
  const cancelling = cancelRun(system, account, runId)
  await waitForEvent(system, account, runId, event => event.type === 'cancel_requested')
  run.letGo()
  await cancelling
  const ended = await waitForEnd(system, account, runId, GONE_LIMIT_MS)
  const commit = remote.branches()[branch]
  const files = { changed: true, changedFiles: 1, skipped: [] }
  expect(ended).toMatchObject({ status: 'cancelled', error: null })
  expect(ended.delivery).toMatchObject({ branch, commit, pushed: true, ...files })
  expect(remote.read(branch, 'starts.txt')).toBe('started\n')
  const events = await readEvents(system, account, runId)
  expect(events.slice(-2).map(({ type, message }) => [type, message])).toEqual([
    ['log', `Pushed ${branch}`],
    ['cancelled', 'Run cancelled'],
  ])
  const next = { repoId: run.repoId, prompt: script('say done'), workingBranch: branch, createBranch: false }
  const { runId: nextId } = await startRun(system, account, next)
  const after = await waitForEnd(system, account, nextId)
  expect(after).toMatchObject({ status: 'success', delivery: { changed: false, pushed: false, commit } })
  expect(remote.branches()[branch]).toBe(commit)
})

test('a run is cancelled before it has a slot, and never starts', async () => {
  const runs = await runsAtEveryStage(system, await newAccount())
  const waiting = runs.find(run => run.stage === 'accepted') as StagedRun
  const { status } = await cancelRun(system, account, waiting.runId)
  expect(status).toBe('cancelled')
  for (const run of runs) run.letGo()
  const others = runs.filter(run => run !== waiting)
  const ended = await Promise.all(others.map(run => waitForEnd(system, account, run.runId)))
  expect(ended.map(run => run.status)).toEqual(['success', 'success', 'success'])
  const types = (await readEvents(system, account, waiting.runId)).map(event => event.type)
  expect(types).toEqual(['started', 'cancel_requested', 'cancelled'])
  expect(Object.keys(waiting.remote.branches())).toEqual(['main'])
})
