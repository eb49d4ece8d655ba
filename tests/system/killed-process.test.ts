import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProgramName } from '@mogplex/local/processes.ts'
import { OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { makeRepository } from './repositories.ts'
import { type Run, readEvents, script, startRun, waitForEnd } from './runs.ts'
import { runsAtEveryStage, STAGE_SETTINGS, type Stage, type StagedRun, sandboxFiles } from './stages.ts'

setDefaultTimeout(150_000)

const LEASE_SECONDS = 10
/** A lease, the sweep after it, and time for a busy machine. */
const LOST_LIMIT_MS = (LEASE_SECONDS + 5 + 25) * 1_000
const ENDS = ['finished', 'failed', 'cancelled']

let system: System
beforeAll(async () => {
  const env = { ...OPEN_DOORS, ...STAGE_SETTINGS, RUN_LEASE_SECONDS: String(LEASE_SECONDS) }
  system = await startSystem({ env })
})
afterAll(() => system.stop())

/** How often the agent of the run was started, by what it left in its checkout. */
function starts({ sandboxId }: Run): number {
  const file = join(sandboxFiles(system, sandboxId ?? 'none'), 'workspace/starts.txt')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).length : 0
}

async function checkEnd({ stage, account, runId, branch, remote }: StagedRun, run: Run, isLost: boolean) {
  const types = (await readEvents(system, account, runId)).map(event => event.type)
  const told = `${stage}: ${run.status} ${run.error}`
  expect(told).toBe(
    isLost ? `${stage}: failed The worker that ran the agent was lost` : `${stage}: success null`,
  )
  expect(types.filter(type => type === 'stream_started')).toHaveLength(1)
  expect(types.filter(type => ENDS.includes(type))).toHaveLength(1)
  expect(ENDS).toContain(types.at(-1) ?? '')
  expect(starts(run)).toBe(1)
  if (!isLost) expect(remote.read(branch, 'starts.txt')).toBe('started\n')
}

/** Stages at which a process' death ends the run: an agent that ran is never started again. */
const LOST_WITH: Partial<Record<ProgramName, Stage[]>> = { runtime: ['harness', 'delivering'] }

test.each<ProgramName>(['gateway', 'identity', 'projects', 'nats', 'postgres', 'runtime'])(
  'kill -9 of %s loses no accepted run, starts no agent twice and leaves no run unfinished',
  async name => {
    const account = await signUpWithToken(system)
    const runs = await runsAtEveryStage(system, account)
    await system.kill(name)
    await system.ready(name)
    for (const run of runs) run.letGo()
    const ended = await Promise.all(runs.map(run => waitForEnd(system, account, run.runId, LOST_LIMIT_MS)))
    for (const [index, run] of runs.entries()) {
      await checkEnd(run, ended[index] as Run, LOST_WITH[name]?.includes(run.stage) ?? false)
    }
    const { repoId } = await makeRepository(system, account)
    const later = await startRun(system, account, { repoId, prompt: script('write later.txt yes') })
    expect((await waitForEnd(system, account, later.runId)).status).toBe('success')
  },
)

test.each([
  ['killed again and again', keepKilling],
  ['running but silent', freeze],
] as const)('with NATS %s runs are accepted, start and end', async (_, spoil) => {
  const account = await signUpWithToken(system)
  const { repoId, ...remote } = await makeRepository(system, account)
  const restore = await spoil('nats')
  try {
    const run = await startRun(system, account, { repoId, prompt: script('write here.txt yes') })
    expect(await waitForEnd(system, account, run.runId)).toMatchObject({ status: 'success' })
    expect(remote.read(run.branch.working, 'here.txt')).toBe('yes\n')
  } finally {
    await restore()
    await system.ready()
  }
})

/** Kills it whenever it is there. */
async function keepKilling(name: ProgramName): Promise<() => Promise<void>> {
  // Between two starts the state names one that is gone.
  const kill = () => system.kill(name).catch(() => undefined)
  await kill()
  let isOver = false
  const killing = (async () => {
    while (!isOver) {
      await kill()
      await Bun.sleep(50)
    }
  })()
  return async () => {
    isOver = true
    await killing
  }
}

/** Leaves its connections open and never answers on them. */
async function freeze(name: ProgramName): Promise<() => Promise<void>> {
  const pid = system.state().processes[name]?.pid
  if (!pid) throw new Error(`${name} does not run`)
  process.kill(pid, 'SIGSTOP')
  return async () => {
    process.kill(pid, 'SIGCONT')
  }
}
