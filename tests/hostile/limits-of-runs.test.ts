/** Runs whose agent takes too much, as the person who started them and their neighbours see it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, OPEN_DOORS, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { GIT_ROOT, makeRepository } from '../system/repositories.ts'
import { type Run, readEvents, script, startRun, waitForEnd } from '../system/runs.ts'
import { listSandboxes } from '../system/sandboxes.ts'

setDefaultTimeout(180_000)

let system: System
let neighbour: Account
beforeAll(async () => {
  const limits = {
    SANDBOX_MEMORY_MB: '300',
    SANDBOX_PROCESSES: '60',
    SANDBOX_DISK_MB: '60',
    SANDBOX_INODES: '3000',
    SANDBOX_DISK_PER_USER_MB: '90',
  }
  system = await startSystem({
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT, ...limits },
  })
  neighbour = await signUpWithToken(system)
})
afterAll(() => system.stop())

const FILES_GO = ['echo big >.gitignore', 'head -c 40M /dev/urandom >big']
const filling = FILES_GO.map(line => `run ${line}`)

async function newPerson() {
  const account = await signUpWithToken(system)
  const { repoId, ...remote } = await makeRepository(system, account)
  const run = async (lines: string[], fields: Record<string, unknown> = {}): Promise<Run> => {
    const { runId } = await startRun(system, account, { repoId, prompt: script(...lines), ...fields })
    return waitForEnd(system, account, runId, 90_000)
  }
  return { account, remote, run }
}

/** Who is not concerned: a run of theirs comes through. */
async function neighbourRuns() {
  const { repoId } = await makeRepository(system, neighbour)
  const { runId } = await startRun(system, neighbour, { repoId, prompt: script('say hello') })
  return (await waitForEnd(system, neighbour, runId, 90_000)).status
}

const TOO_MUCH = [
  {
    limit: 'memory',
    line: 'run head -c 250M /dev/zero | tail -n 1 & head -c 250M /dev/zero | tail -n 1; sleep 30',
  },
  { limit: 'processes', line: 'run for i in $(seq 100); do sleep 30 & done; wait' },
  { limit: 'disk', line: 'run head -c 50M /dev/zero >a; head -c 50M /dev/zero >b; sleep 30' },
  { limit: 'inodes', line: 'run mkdir d; cd d; seq 5000 | xargs touch; sleep 30' },
]

for (const { limit, line } of TOO_MUCH) {
  test(`an agent takes more ${limit} than it may: the run says so, and the next one on the branch works`, async () => {
    const { account, remote, run } = await newPerson()
    const [ended, other] = await Promise.all([run(['usage 7 3', line]), neighbourRuns()])
    expect(ended).toMatchObject({ status: 'failed', delivery: null, usage: { inputTokens: 7 } })
    expect(ended.error).toContain('than its sandbox may')
    const events = await readEvents(system, account, ended.runId)
    expect(events.at(-1)?.payload).toMatchObject({ failure_code: 'sandbox_lost', error: ended.error })
    expect(events.map(event => event.payload)).toContainEqual(
      expect.objectContaining({ stage: 'sandbox', level: 'error', limit }),
    )
    expect(other).toBe('success')
    const same = { workingBranch: ended.branch.working }
    // What it left elsewhere may have to be cleaned up by a person; what was over the limit must not.
    const next = await run(['write after.txt done'], same)
    expect([next.error, next.status]).toEqual([null, 'success'])
    expect(remote.read(ended.branch.working, 'after.txt')).toBe('done\n')
  })
}

test('paused sandboxes count: the longest unused that was delivered makes room for the next run', async () => {
  const { account, run } = await newPerson()
  const ended = []
  for (let number = 0; number < 4; number++) ended.push(await run(filling))
  expect(ended.map(each => each.status)).toEqual(Array(4).fill('success'))
  const states = new Map((await listSandboxes(system, account)).map(each => [each.id, each.status]))
  const [first, ...later] = ended.map(each => states.get(each.sandboxRecordId ?? ''))
  expect(first).toBe('stopped')
  for (const each of later) expect(each).toMatch(/^paus(ing|ed)$/)
  const files = join(system.home, 'runtime', 'sandboxes', ended[0]?.sandboxRecordId ?? '')
  expect(await waitUntil(() => !existsSync(files), { limitMs: 20_000 })).toBe(true)
})

test('what was not delivered is not removed for room: the run fails and says what can be done', async () => {
  const { account, run } = await newPerson()
  for (let number = 0; number < 3; number++) {
    expect((await run([...filling, 'fail on purpose'])).status).toBe('failed')
  }
  const refused = await run(['say hello'])
  expect(refused.status).toBe('failed')
  expect(refused.error).toContain('SANDBOX_DISK_PER_USER_MB')
  const kept = (await listSandboxes(system, account)).filter(each => /^paus/.test(each.status))
  expect(kept.length).toBeGreaterThanOrEqual(3)
  expect(await neighbourRuns()).toBe('success')
})
