/**
 * Whatever an earlier run left in the checkout, and whatever happened on the remote meanwhile: the next plain run on
 * the branch works, what was left is kept and named, and nothing of it, nor of anybody else's, is pushed as its work.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { LEFT_BEHIND, type LeftBehind } from './left-behind.ts'
import { MEANWHILE, type Meanwhile } from './meanwhile.ts'
import { makePerson } from './person.ts'
import { type Bench, makeSituation, openBench, type Situation } from './situation.ts'

setDefaultTimeout(120_000)

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

/** Of what can happen meanwhile each state meets three, in turn: all of it would take a quarter of an hour. */
const MET = [0, 1, 3]
const ROWS = LEFT_BEHIND.flatMap((left, index) =>
  MET.flatMap(step => MEANWHILE[(index + step) % MEANWHILE.length] ?? []).map(meanwhile => ({
    left,
    meanwhile,
  })),
)

test.each(ROWS)('left behind: $left.name; meanwhile: $meanwhile.name', ({ left, meanwhile }) =>
  go(left, meanwhile),
)

async function go(left: LeftBehind, meanwhile: Meanwhile): Promise<void> {
  const situation = await makeSituation(bench)
  const { remote, branch } = situation
  await situation.run({ script: ['write delivered.txt delivered'] })
  const leaver = await situation.run(left)
  const kept = meanwhile.act(makePerson(remote), branch)

  const { run, events } = await situation.run({ script: ['write mine.txt mine'] })

  expect(run.status).toBe('success')
  expect(run.delivery).toMatchObject({ branch, pushed: true, changed: true })
  const files = situation.filesOn(branch)
  expect(files).toEqual(expect.arrayContaining([...meanwhile.has, 'mine.txt']))
  for (const file of [...meanwhile.hasNot, ...Object.keys(left.kept).filter(name => name !== 'README.md')])
    expect(files).not.toContain(file)
  if (kept) expect(situation.isIn(branch, kept)).toBe(true)
  expectKept(situation, left, leaver.run.runId, { run, events })

  const next = await situation.run({ script: ['write next.txt next'] })
  expect(next.run).toMatchObject({ status: 'success', leftovers: null, delivery: { branch, changed: true } })
  expect(situation.filesOn(branch)).toEqual(expect.arrayContaining(['mine.txt', 'next.txt']))
}

function expectKept(
  situation: Situation,
  left: LeftBehind,
  leaverId: string,
  { run, events }: Awaited<ReturnType<Situation['run']>>,
): void {
  const sync = events.find(({ payload }) => payload.stage === 'git_sync')
  if (Object.keys(left.kept).length === 0) return
  expect(run.leftovers).toMatchObject({ runId: leaverId })
  expect(run.leftovers?.files).toBeGreaterThanOrEqual(Object.keys(left.kept).length)
  expect(sync?.payload.leftovers).toMatchObject({
    run_id: leaverId,
    ref: `refs/mogplex/leftovers/${leaverId}`,
  })
  for (const [file, content] of Object.entries(left.kept))
    expect({ file, content: situation.leftoverFile(leaverId, file) }).toEqual({ file, content })
}
