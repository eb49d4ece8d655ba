import { afterAll, beforeAll, expect, test } from 'bun:test'
import { userDisabled } from '@mogplex/proto/identity.ts'
import { repoDeleted } from '@mogplex/proto/projects.ts'
import { eventTypesOf, readRun, startRunAs } from '../test-bench/run-client.ts'
import { obsoleteRunListeners } from './obsolete-runs.ts'
import { useWorkerBench, type WorkerBench } from './test-bench.ts'

let bench: WorkerBench
beforeAll(async () => {
  bench = await useWorkerBench()
})
afterAll(() => bench.close())

/** As if the other service had told it. */
async function tell(subject: string, userId: string, payload: Record<string, unknown>) {
  const listener = obsoleteRunListeners.find(({ reader }) => reader.event.subject === subject)
  if (!listener) throw new Error(`nobody listens to ${subject}`)
  const fact = { eventId: crypto.randomUUID(), userId, payload }
  await bench.database.transaction(tx => listener.handle(tx, fact))
}
const accept = async (userId: string, repoId: string) => {
  const { body } = await startRunAs(bench, userId, { repoId, prompt: 'x' })
  return readRun(bench, body.data.runId)
}
const askedToEnd = async (id: string) => (await readRun(bench, id)).controlState === 'cancel_requested'

test('a deleted repo asks its runs to end, once, and those of no other repo', async () => {
  const { userId, repoId } = bench.addUser()
  const other = bench.addUser()
  const [mine, theirs] = [await accept(userId, repoId), await accept(other.userId, other.repoId)]
  await tell(repoDeleted.subject, userId, { repoId })
  await tell(repoDeleted.subject, userId, { repoId })
  expect([await askedToEnd(mine.id), await askedToEnd(theirs.id)]).toEqual([true, false])
  expect(await eventTypesOf(bench, mine)).toEqual(['started', 'cancel_requested'])
})

test('a repo of that id that is somebody else’s is left alone', async () => {
  const { userId, repoId } = bench.addUser()
  const run = await accept(userId, repoId)
  await tell(repoDeleted.subject, bench.addUser().userId, { repoId })
  expect(await askedToEnd(run.id)).toBe(false)
})

test('disabling a user asks all of their runs to end', async () => {
  const { userId, repoId } = bench.addUser()
  const runs = [await accept(userId, repoId), await accept(userId, repoId)]
  await tell(userDisabled.subject, userId, {})
  expect(await Promise.all(runs.map(run => askedToEnd(run.id)))).toEqual([true, true])
})
