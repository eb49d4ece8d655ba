/** An instance with someone whose agents attack it by what they print, and someone else who is not to notice. */
import { expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { type Account, OPEN_DOORS, signUpWithToken } from '../../system/accounts.ts'
import { type System, startSystem } from '../../system/launch.ts'
import { importRepository, makeRemote, makeRepository } from '../../system/repositories.ts'
import { type Run, type RunEvent, readEvents, script, startRun, waitForEnd } from '../../system/runs.ts'
import { STAGE_SETTINGS } from '../../system/stages.ts'

/** What a run of the instance keeps. */
const MAX_EVENTS = 1_000
const MAX_BYTES = 8 * 1024 * 1024
/** Of our own, besides what the agent says. */
const MAX_OWN_EVENTS = 30
/** Nobody may start more within a minute. */
const MAX_RUNS = 10

/** A variable of the attacked repositories, and a text that their owner says where it must stay. */
export const SECRET = `q${crypto.randomUUID().replaceAll('-', '')}`
export const MARK = `mark${crypto.randomUUID().replaceAll('-', '')}`

export interface EndedRun {
  run: Run
  events: RunEvent[]
}

interface Owner {
  account: Account
  repoId: string
}

export type AttackedInstance = Awaited<ReturnType<typeof startAttackedInstance>>

export async function startAttackedInstance() {
  const limits = { RUN_OUTPUT_MAX_EVENTS: String(MAX_EVENTS), RUN_OUTPUT_MAX_BYTES: String(MAX_BYTES) }
  const system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS, ...limits } })
  const attackers = createAttackers(system)
  const account = await signUpWithToken(system)
  const neighbour: Owner = { account, repoId: (await makeRepository(system, account)).repoId }
  const runOf = async ({ account, repoId }: Owner, prompt: string): Promise<EndedRun> => {
    const { runId } = await startRun(system, account, { repoId, prompt })
    const run = await waitForEnd(system, account, runId, 150_000)
    return { run, events: await readEvents(system, account, runId) }
  }
  await runOf(neighbour, 'say warm')
  return {
    system,
    neighbour,
    runOf,
    /** Somebody whose agents attack, and may start one run more. */
    attacker: attackers.next,
    attack: async (...directives: string[]) =>
      runOf(await attackers.next(), script(...directives, 'say over')),
    memory: () => memoryOf(system),
  }
}

/** One after the other, since each may start only so many runs. */
function createAttackers(system: System) {
  let current: Owner | null = null
  let runs = 0
  return {
    next: async (): Promise<Owner> => {
      runs += 1
      if (current && runs % MAX_RUNS !== 0) return current
      const account = await signUpWithToken(system)
      const repoId = await importRepository(system, account, {
        remote_url: makeRemote().path,
        sandbox_env_vars: { REPO_SECRET: SECRET },
      })
      current = { account, repoId }
      return current
    },
  }
}

/** Resident memory of the services in MiB: now, and the most so far. */
function memoryOf(system: System): Record<string, { now: number; most: number }> {
  const services = ['runtime', 'gateway', 'identity', 'projects'] as const
  return Object.fromEntries(
    services.map(name => {
      const status = readFileSync(`/proc/${system.state().processes[name]?.pid}/status`, 'utf8')
      const mib = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
      return [name, { now: mib('VmRSS'), most: mib('VmHWM') }]
    }),
  )
}

/** Ended as it should have, within the limits; and the attack took place. */
export function expectUnharmed({ run, events }: EndedRun): void {
  expect([run.status, run.error]).toEqual(['success', null])
  expectBounded(events)
  const own = events.filter(
    ({ type, payload }) => type === 'tool_result' && /^tool-\d+$/.test(String(payload.tool_call_id)),
  )
  expect(own.length).toBeGreaterThan(0)
  expect(own.filter(({ payload }) => payload.success !== true)).toEqual([])
}

const ENDS = ['finished', 'failed', 'cancelled']

/** Within the limits; it ends once and at its end, and so does every tool that began. */
export function expectBounded(events: RunEvent[]): void {
  expect(events.length).toBeLessThanOrEqual(MAX_EVENTS + MAX_OWN_EVENTS)
  expect(JSON.stringify(events).length).toBeLessThan(2 * MAX_BYTES)
  expect(events.filter(({ type }) => ENDS.includes(type))).toHaveLength(1)
  expect(ENDS).toContain(events.at(-1)?.type ?? '')
  const idsOf = (type: string) =>
    events.filter(event => event.type === type).map(({ payload }) => payload.tool_call_id)
  expect(idsOf('tool_result').toSorted()).toEqual(idsOf('tool_call').toSorted())
}

/** One of its events says that something was left out. */
export function isSaidToBeCut(events: RunEvent[]): boolean {
  return events.some(({ payload }) => payload.truncated === true)
}
