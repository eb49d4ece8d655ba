/**
 * An agent says whatever hurts most. The echo harness runs the attacker's commands, which write straight to the
 * agent's own stdout and stderr, as a tool of any agent can.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, call, OPEN_DOORS, signUpWithToken } from '../system/accounts.ts'
import { openStream } from '../system/event-stream.ts'
import { type System, startSystem } from '../system/launch.ts'
import { descendantsOf } from '../system/processes.ts'
import { importRepository, makeRemote, makeRepository } from '../system/repositories.ts'
import {
  cancelRun,
  type Run,
  type RunEvent,
  readEvents,
  script,
  startRun,
  waitForEnd,
  waitForRun,
} from '../system/runs.ts'
import { STAGE_SETTINGS } from '../system/stages.ts'
import { secretsIn, secretsInDatabase, secretsInFiles } from '../system/traces.ts'
import { BOMBS, FLOODS, LEAKS, ODD, print, printFromNode } from './output-attacks.ts'

setDefaultTimeout(180_000)

const MAX_EVENTS = 1_000
const MAX_BYTES = 8 * 1024 * 1024
/** How soon nothing of a cancelled run may run any more. */
const GONE_LIMIT_MS = 10_000
/** Of a service, above what it held before the attacks. */
const MAX_GROWTH_MIB = 300
const SECRET = `q${crypto.randomUUID().replaceAll('-', '')}`
const MARK = `mark${crypto.randomUUID().replaceAll('-', '')}`

let system: System
let attacker: Account
let neighbour: Account
let repoId: string
let neighbourRepoId: string
let before: Record<string, number>
beforeAll(async () => {
  const limits = { RUN_OUTPUT_MAX_EVENTS: String(MAX_EVENTS), RUN_OUTPUT_MAX_BYTES: String(MAX_BYTES) }
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS, ...limits } })
  ;[attacker, neighbour] = [await signUpWithToken(system), await signUpWithToken(system)]
  repoId = await importRepository(system, attacker, {
    remote_url: makeRemote().path,
    sandbox_env_vars: { REPO_SECRET: SECRET },
    install_command: `echo ${MARK}; echo ${MARK} >&2; yes ${MARK} | head -c 20000000; exit 3`,
  })
  neighbourRepoId = (await makeRepository(system, neighbour)).repoId
  await runOf(neighbour, neighbourRepoId, 'say warm')
  before = memory()
})
afterAll(() => system.stop())

async function runOf(account: Account, repo: string, prompt: string) {
  const { runId } = await startRun(system, account, { repoId: repo, prompt })
  const run = await waitForEnd(system, account, runId, 150_000)
  return { run, events: await readEvents(system, account, runId) }
}
const attack = (...directives: string[]) => runOf(attacker, repoId, script(...directives, 'say over'))

const ENDS = ['finished', 'failed', 'cancelled']

/** Ended as it should have, within the limits, with every tool that began also ended. */
function expectUnharmed({ run, events }: { run: Run; events: RunEvent[] }): void {
  expect([run.status, run.error]).toEqual(['success', null])
  expectBounded(events)
  // The attempt took place.
  const isOwn = ({ type, payload }: RunEvent) =>
    type === 'tool_result' && /^tool-\d+$/.test(String(payload.tool_call_id))
  const results = events.filter(isOwn)
  expect(results.filter(({ payload }) => payload.error !== undefined)).toEqual([])
}

function expectBounded(events: RunEvent[]): void {
  // Besides what the agent says a run has few events.
  expect(events.length).toBeLessThan(MAX_EVENTS + 30)
  expect(events.filter(({ type }) => ENDS.includes(type))).toHaveLength(1)
  expect(ENDS).toContain(events.at(-1)?.type ?? '')
  const idsOf = (type: string) =>
    events.filter(event => event.type === type).map(({ payload }) => payload.tool_call_id)
  expect(idsOf('tool_result').toSorted()).toEqual(idsOf('tool_call').toSorted())
}

const isSaidToBeCut = (events: RunEvent[]) => events.some(({ payload }) => payload.truncated === true)

/** Resident memory of the services, in MiB. */
function memory(): Record<string, number> {
  const services = ['runtime', 'gateway', 'identity', 'projects'] as const
  return Object.fromEntries(
    services.map(name => {
      const status = readFileSync(`/proc/${system.state().processes[name]?.pid}/status`, 'utf8')
      return [name, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024]
    }),
  )
}

describe('too much output', () => {
  test.each(FLOODS)('an agent tries to fill the instance with %s', async (_, ...directives) => {
    const attacked = await attack(...directives)
    expectUnharmed(attacked)
    expect(isSaidToBeCut(attacked.events) || attacked.events.length < 20).toBe(true)
  })

  test('what comes behind the limit still counts: usage, the end of a tool, the delivery', async () => {
    const { run, events } = await attack(print('yes 1 | head -n 20000'), 'usage 17 4', 'write left.txt done')
    expectUnharmed({ run, events })
    expect(run.usage).toMatchObject({ inputTokens: 17, outputTokens: 4 })
    expect(run.delivery).toMatchObject({ changed: true, pushed: true })
    expect(
      events.filter(({ payload }) => payload.truncated === true && payload.level === 'warning'),
    ).toHaveLength(1)
  })
})

describe('output that is made to be slow or large to read', () => {
  test.each(BOMBS)('an agent prints %s', async (_, directive) => {
    expectUnharmed(await attack(directive))
  })

  test('a failure whose message is a megabyte does not become the error of the run', async () => {
    const fail = printFromNode('console.log(JSON.stringify({type:"error",message:"model ".repeat(2e5)}))')
    const { run, events } = await attack(fail)
    expect(run.status).toBe('failed')
    expect(run.error?.length).toBeLessThan(500)
    expectBounded(events)
  })
})

describe('output that is not what it says', () => {
  test('an agent announces the end of its run, and of other runs', async () => {
    const other = (await runOf(neighbour, neighbourRepoId, 'say mine')).run
    const forged = [
      'finished',
      'failed',
      'cancelled',
      'status_changed',
      'cancel_requested',
      'log',
      'result',
    ].map(type =>
      JSON.stringify({
        type,
        eventType: type,
        runId: other.runId,
        external_run_id: other.runId,
        id: other.runId,
        subtype: 'success',
        payload: { to: 'success' },
      }),
    )
    const attacked = await attack(...forged.map(line => print(`echo '${line}'`)))
    expectUnharmed(attacked)
    expect(
      attacked.events.filter(({ type }) => type === 'status_changed' || type === 'stream_started'),
    ).toHaveLength(1)
    const events = await readEvents(system, neighbour, other.runId)
    expect(events.map(({ type }) => type)).toContain('assistant_message')
    expect(events.at(-1)?.type).toBe('finished')
  })

  test.each(['-5', '1e308', '"17"', '1.5', '9007199254740993', 'null', '{}', '[1]'])(
    'an agent claims to have used %s tokens',
    async tokens => {
      const { run, events } = await attack(
        print(`echo '{"type":"usage","input":${tokens},"output":${tokens}}'`),
      )
      expectUnharmed({ run, events })
      expect(run.usage).toMatchObject({ inputTokens: null, outputTokens: null })
    },
  )

  test.each(ODD)('an agent prints %s', async (_, directive) => {
    expectUnharmed(await attack(directive))
  })
})

describe('secrets', () => {
  test.each(LEAKS)('an agent tries to have a secret stored: %s', async (_, ...directives) => {
    const { run, events } = await attack(...directives)
    expectUnharmed({ run, events })
    const halves = { whole: SECRET, beginning: SECRET.slice(0, 10), end: SECRET.slice(-10) }
    expect(secretsIn(JSON.stringify(events), halves, 'events')).toEqual([])
    expect(await secretsInDatabase(system, { beginning: halves.beginning })).toEqual([])
  })

  test('what an agent, its install command and git say is in no log', async () => {
    await attack(
      `say ${MARK}`,
      print(`echo ${MARK}`),
      print(`echo ${MARK}`, 2),
      `run printf '#!/bin/sh\\necho ${MARK} >&2; exit 1\\n' > .git/hooks/pre-push; chmod +x .git/hooks/pre-push`,
      `run echo ${MARK} > .git/index.lock; git config core.fsmonitor "echo ${MARK}"`,
      `write ${MARK}.txt ${MARK}`,
    )
    await runOf(attacker, repoId, script(print(`echo ${MARK}`, 2), `fail ${MARK}`))
    expect(secretsInFiles(join(system.home, 'logs'), { mark: MARK })).toEqual([])
    expect(secretsIn(system.output(), { mark: MARK }, 'the output of the launcher')).toEqual([])
  })
})

describe('meanwhile', () => {
  test('an agent that floods for ever is gone within ten seconds of a cancel', async () => {
    const { runId } = await startRun(system, attacker, {
      repoId,
      prompt: script(print('yes flood'), 'say never'),
    })
    await waitForRun(system, attacker, runId, run => run.status === 'streaming')
    await Bun.sleep(1_000)
    const askedAtMs = performance.now()
    await cancelRun(system, attacker, runId)
    const runtimePid = system.state().processes.runtime?.pid ?? 0
    const isGone = () => !descendantsOf(runtimePid).some(({ command }) => command.includes('yes flood'))
    expect(await waitUntil(isGone, { limitMs: GONE_LIMIT_MS })).toBe(true)
    expect(performance.now() - askedAtMs).toBeLessThan(GONE_LIMIT_MS)
    expect((await waitForEnd(system, attacker, runId)).status).toBe('cancelled')
    expectBounded(await readEvents(system, attacker, runId))
  })

  test('readers that ask for all of it at once, and some that never read, hold up nobody', async () => {
    const prompt = script(
      printFromNode(
        'for (let i = 0; i < 60; i++) console.log(JSON.stringify({type:"assistant",text:"z".repeat(1e5)}))',
      ),
    )
    const { run } = await runOf(attacker, repoId, prompt)
    const streams = await Promise.all(
      Array.from({ length: 15 }, () => openStream(system, attacker, run.runId)),
    )
    const path = `/api/v1/mogplex/runs/${run.runId}/events?limit=200&after=start`
    const pages = Array.from({ length: 40 }, () => call(system, 'GET', path, { as: attacker }))
    const { run: other } = await runOf(neighbour, neighbourRepoId, 'say still here')
    expect(other.status).toBe('success')
    for (const page of await Promise.all(pages)) expect(page.status).toBe(200)
    await Promise.all(streams.map(stream => stream.body?.cancel()))
  })

  test('afterwards a neighbour is served, and the services have given the memory back', async () => {
    const { run, events } = await runOf(
      neighbour,
      neighbourRepoId,
      script('say hello', 'write hello.txt hello'),
    )
    expect([run.status, run.delivery?.pushed]).toEqual(['success', true])
    expect(events.map(({ message }) => message)).toContain('hello')
    const grown = () =>
      Object.entries(memory()).filter(([name, mib]) => mib > (before[name] ?? 0) + MAX_GROWTH_MIB)
    await waitUntil(() => grown().length === 0, { limitMs: 30_000 })
    expect(grown()).toEqual([])
  })
})
