/** Runs whose remote is away for a while, as a client sees them. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { type HostileFront, serveHostileFront } from '@mogplex/kit/test-bench/hostile-front.ts'
import { type Account, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, git, importRepository, makeRemote } from './repositories.ts'
import { getRun, readEvents, script, startRun, waitForEnd } from './runs.ts'
import { STAGE_SETTINGS } from './stages.ts'

setDefaultTimeout(300_000)

let system: System
let account: Account
let server: HttpRemote
let front: HostileFront
beforeAll(async () => {
  server = serveHttpRemote(GIT_ROOT, null)
  front = serveHostileFront(server.origin)
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
  account = await signUpWithToken(system)
})
afterAll(async () => {
  await system.stop()
  front.stop()
  await server.stop()
})

async function imported() {
  const remote = makeRemote()
  git(remote.path, 'config', 'http.receivepack', 'true')
  const repoId = await importRepository(system, account, { remote_url: `${front.origin}/${remote.name}` })
  return { ...remote, repoId }
}

test('an overloaded remote costs a run time, and a lost answer to its push nothing', async () => {
  const remote = await imported()
  front.matches = request => request.url.includes('upload-pack') && request.method === 'GET'
  front.faults = [{ status: 503 }, { status: 429 }]
  const prompt = script('write a.txt done', 'sleep 1000')
  const { runId } = await startRun(system, account, { repoId: remote.repoId, prompt })
  await waitUntil(() => front.faults.length === 0, { limitMs: 60_000 })
  const started = async () => (await getRun(system, account, runId)).status !== 'pending'
  expect(await waitUntil(started, { limitMs: 120_000, everyMs: 50 })).toBe(true)
  front.matches = request => request.url.includes('receive-pack') && request.method === 'POST'
  front.faults = [{ doneThen: 502 }]
  const run = await waitForEnd(system, account, runId, 120_000)
  expect(run).toMatchObject({ status: 'success', error: null, delivery: { pushed: true, changedFiles: 1 } })
  expect(front.faults).toEqual([])
  expect(remote.branches()[run.branch.working]).toBe(run.delivery?.commit ?? '')
})

test('a run waits for a remote that is away for longer, says so, and goes on once it is back', async () => {
  const remote = await imported()
  front.matches = () => true
  front.faults = Array.from({ length: 1_000 }, () => ({ status: 503, body: 'Down for maintenance' }))
  const { runId } = await startRun(system, account, {
    repoId: remote.repoId,
    prompt: script('write a.txt done'),
  })
  const waits = async () =>
    (await readEvents(system, account, runId)).find(({ message }) => message?.includes('waits'))
  expect(await waitUntil(async () => (await waits()) !== undefined, { limitMs: 200_000, everyMs: 500 })).toBe(
    true,
  )
  expect((await waits())?.message).toBe(
    'Git sync failed: the remote is not available at the moment (HTTP 503); the remote says: "Down for maintenance". The run waits and is tried again',
  )
  expect((await getRun(system, account, runId)).status).toBe('pending')
  front.faults = []
  expect(await waitForEnd(system, account, runId, 90_000)).toMatchObject({ status: 'success', error: null })
})
