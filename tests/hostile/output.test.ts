/**
 * An agent says whatever hurts most. The echo harness runs the attacker's commands, which write straight to the
 * agent's own stdout and stderr, as a tool of any agent can.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { call } from '../system/accounts.ts'
import { openStream } from '../system/event-stream.ts'
import { descendantsOf } from '../system/processes.ts'
import { importRepository, makeRemote } from '../system/repositories.ts'
import { cancelRun, readEvents, script, startRun, waitForEnd, waitForRun } from '../system/runs.ts'
import { openStorage } from '../system/stored.ts'
import { secretsIn, secretsInDatabase, secretsInFiles } from '../system/traces.ts'
import {
  type AttackedInstance,
  expectBounded,
  expectUnharmed,
  isSaidToBeCut,
  MARK,
  SECRET,
  startAttackedInstance,
} from './output/attacked-instance.ts'
import { BOMBS, FLOODS, LEAKS, ODD, print, printFromNode } from './output/attacks.ts'

setDefaultTimeout(180_000)

/** How soon nothing of a cancelled run may run any more. */
const GONE_LIMIT_MS = 10_000
/** Of a service, above what it held before the attacks: at any time, and once they are over. */
const MAX_PEAK_GROWTH_MIB = 500
const MAX_GROWTH_MIB = 200

let instance: AttackedInstance
let before: ReturnType<AttackedInstance['memory']>
beforeAll(async () => {
  instance = await startAttackedInstance()
  before = instance.memory()
})
afterAll(() => instance.system.stop())

describe('too much output', () => {
  test.each(FLOODS)('an agent tries to fill the instance with %s', async (_, ...directives) => {
    const attacked = await instance.attack(...directives)
    expectUnharmed(attacked)
    expect(isSaidToBeCut(attacked.events) || attacked.events.length < 20).toBe(true)
  })

  test('an install command floods and fails', async () => {
    const { account } = await instance.attacker()
    const repoId = await importRepository(instance.system, account, {
      remote_url: makeRemote().path,
      install_command: `yes ${MARK} | head -c 10000000; echo ${MARK} >&2; echo last words; exit 3`,
    })
    const { run, events } = await instance.runOf({ account, repoId }, 'say over')
    expect(run.status).toBe('success')
    expect(events.map(({ message }) => message)).toContain('The install command ended with exit code 3')
    expectBounded(events)
    const storage = await openStorage(instance.system)
    const [sandbox] = await storage.query(
      'select length(install_log) as kept, right(install_log, 80) as last from runtime.sandboxes where id = $1',
      [run.sandboxRecordId ?? ''],
    )
    await storage.close()
    expect(sandbox?.kept).toBe(256 * 1024)
    // Beside it what was written to stderr, a pipe of its own: either may be read first.
    expect(sandbox?.last).toContain('last words\n')
  })

  test('what comes behind the limit still counts: usage, the end of a tool, the delivery', async () => {
    const flood = print('yes "$(seq -s " " 40)" | head -c 8000000; echo', 8e6)
    const { run, events } = await instance.attack(flood, 'usage 17 4', 'write left.txt done')
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
    expectUnharmed(await instance.attack(directive))
  })

  test('a failure whose message is a megabyte does not become the error of the run', async () => {
    const fail = printFromNode(
      'console.log(JSON.stringify({type:"error",message:"model ".repeat(2e5)}))',
      1e6,
    )
    const { run, events } = await instance.attack(fail)
    expect(run.status).toBe('failed')
    expect(events.some(({ payload }) => String(payload.text).startsWith('model model'))).toBe(true)
    expect(run.error?.length).toBeLessThan(500)
    expectBounded(events)
  })
})

describe('output that is not what it says', () => {
  test('an agent announces the end of its run, and of other runs', async () => {
    const { neighbour, runOf, system } = instance
    const other = (await runOf(neighbour, 'say mine')).run
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
    const attacked = await instance.attack(...forged.map(line => print(`echo '${line}'`)))
    expectUnharmed(attacked)
    expect(
      attacked.events.filter(({ type }) => type === 'status_changed' || type === 'stream_started'),
    ).toHaveLength(1)
    const events = await readEvents(system, neighbour.account, other.runId)
    expect(events.map(({ type }) => type)).toContain('assistant_message')
    expect(events.at(-1)?.type).toBe('finished')
  })

  test.each(['-5', '1e308', '"17"', '1.5', '9007199254740993', 'null', '{}', '[1]'])(
    'an agent claims to have used %s tokens',
    async tokens => {
      const [forged, sound] = [tokens, '3'].map(
        count => `echo '{"type":"usage","input":${count},"output":${count}}'`,
      )
      const attacked = await instance.attack(print(`${forged}; ${sound}`))
      expectUnharmed(attacked)
      expect(attacked.run.usage).toMatchObject({ inputTokens: 3, outputTokens: 3 })
    },
  )

  test.each(ODD)('an agent prints %s', async (_, directive) => {
    expectUnharmed(await instance.attack(directive))
  })
})

describe('secrets', () => {
  test.each(LEAKS)('an agent tries to have a secret stored: %s', async (_, ...directives) => {
    const { run, events } = await instance.attack(...directives)
    expectUnharmed({ run, events })
    const halves = { whole: SECRET, beginning: SECRET.slice(0, 10), end: SECRET.slice(-10) }
    expect(secretsIn(JSON.stringify(events), halves, 'events')).toEqual([])
    expect(await secretsInDatabase(instance.system, { beginning: halves.beginning })).toEqual([])
  })

  test('what an agent, its hooks and its tools say is in no log', async () => {
    const said = await instance.attack(
      `say ${MARK}`,
      print(`echo ${MARK}`),
      print(`echo ${MARK}`, 30, 2),
      `run printf '#!/bin/sh\\necho ${MARK} >&2; exit 1\\n' > .git/hooks/pre-push; chmod +x .git/hooks/pre-push`,
      `run echo ${MARK} > .git/index.lock; git config core.fsmonitor "echo ${MARK}"`,
      `write ${MARK}.txt ${MARK}`,
    )
    const { run } = await instance.attack(print(`echo ${MARK}`, 30, 2), `fail ${MARK}`)
    expect(said.events.filter(({ message }) => message === MARK).length).toBeGreaterThanOrEqual(3)
    expect(run.error).toContain(MARK)
    expect(inLogs()).toEqual([])
  })
})

/** What the owners said that is in a log, or was printed by the launcher. */
function inLogs(): string[] {
  const said = { mark: MARK, secret: SECRET }
  const { home, output } = instance.system
  return [...secretsInFiles(join(home, 'logs'), said), ...secretsIn(output(), said, 'output of the launcher')]
}

describe('meanwhile', () => {
  test('an agent that floods for ever is gone within ten seconds of a cancel', async () => {
    const { system } = instance
    const { account, repoId } = await instance.attacker()
    const prompt = script(print('yes flood'), 'say never')
    const { runId } = await startRun(system, account, { repoId, prompt })
    await waitForRun(system, account, runId, run => run.status === 'streaming')
    const runtimePid = system.state().processes.runtime?.pid ?? 0
    const floods = () => descendantsOf(runtimePid).some(({ command }) => command === 'yes flood')
    expect(await waitUntil(floods, { limitMs: 30_000 })).toBe(true)
    await Bun.sleep(500)
    const askedAtMs = performance.now()
    await cancelRun(system, account, runId)
    expect(await waitUntil(() => !floods(), { limitMs: GONE_LIMIT_MS })).toBe(true)
    expect(performance.now() - askedAtMs).toBeLessThan(GONE_LIMIT_MS)
    expect((await waitForEnd(system, account, runId)).status).toBe('cancelled')
    expectBounded(await readEvents(system, account, runId))
  })

  test('readers that ask for all of it at once, and some that never read, hold up nobody', async () => {
    const { system, neighbour, runOf } = instance
    const attacker = await instance.attacker()
    const large = printFromNode(
      'for (let i = 0; i < 40; i++) console.log(JSON.stringify({type:"assistant",text:"z".repeat(1e5)}))',
      4e6,
    )
    const { run } = await runOf(attacker, large)
    const streams = await Promise.all(
      Array.from({ length: 10 }, () => openStream(system, attacker.account, run.runId)),
    )
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200))
    const path = `/api/v1/mogplex/runs/${run.runId}/events?limit=200&after=start`
    const pages = Array.from({ length: 20 }, () => call(system, 'GET', path, { as: attacker.account }))
    const { run: other } = await runOf(neighbour, 'say still here')
    expect(other.status).toBe('success')
    for (const page of await Promise.all(pages)) expect(page.status).toBe(200)
    await Promise.all(streams.map(stream => stream.body?.cancel()))
  })
})

test('afterwards a neighbour is served, no log holds what was said, and no service what it took', async () => {
  const prompt = script('say hello', 'write hello.txt hello')
  const { run, events } = await instance.runOf(instance.neighbour, prompt)
  expect([run.status, run.delivery?.pushed]).toEqual(['success', true])
  expect(events.map(({ message }) => message)).toContain('hello')
  expect(inLogs()).toEqual([])
  const beyond = (field: 'now' | 'most', limit: number) =>
    Object.entries(instance.memory()).flatMap(([name, mib]) => {
      const grown = mib[field] - (before[name]?.now ?? 0)
      return grown > limit ? [`${name} by ${Math.round(grown)} MiB`] : []
    })
  expect(beyond('most', MAX_PEAK_GROWTH_MIB)).toEqual([])
  await waitUntil(() => beyond('now', MAX_GROWTH_MIB).length === 0, { limitMs: 30_000 })
  expect(beyond('now', MAX_GROWTH_MIB)).toEqual([])
})
