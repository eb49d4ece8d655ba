/** One person does all the harm they may; another one goes on as before, and nothing of it is left behind. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, OPEN_DOORS, PASSWORD, send, signUpWithToken } from '../system/accounts.ts'
import { openStream } from '../system/event-stream.ts'
import { type System, startSystem } from '../system/launch.ts'
import { descendantsOf } from '../system/processes.ts'
import { makeRepository } from '../system/repositories.ts'
import { cancelRun, getRun, type Run, script, startRun, waitForEnd } from '../system/runs.ts'
import { STAGE_SETTINGS } from '../system/stages.ts'
import { connectRaw, type RawClient } from './raw-client.ts'

setDefaultTimeout(240_000)

const ROUNDS = 3
const STREAMS_OF_A_TOKEN = 10
/** Below this a difference says more about the machine than about the product. */
const FLOOR_MS = 1_500

/** Sign-ins are counted as they are for everybody. */
const { RATE_LIMIT_SIGNIN_IP: _, RATE_LIMIT_SIGNIN_EMAIL: __, ...SETTINGS } = OPEN_DOORS

let system: System
let attacker: Account
let neighbour: Account
let repoId: string
let before: { ms: number; left: ReturnType<typeof whatIsThere> }
beforeAll(async () => {
  system = await startSystem({ env: { ...SETTINGS, ...STAGE_SETTINGS } })
  attacker = await signUpWithToken(system)
  neighbour = await signUpWithToken(system)
  repoId = (await makeRepository(system, neighbour)).repoId
  await timeOfRun()
  const ms = await medianRun()
  before = { ms, left: whatIsThere() }
})
afterAll(() => system.stop())

async function timeOfRun(): Promise<number> {
  const started = performance.now()
  const { runId } = await startRun(system, neighbour, { repoId, prompt: 'write NOTE.md hello' })
  const run = await waitForEnd(system, neighbour, runId, 120_000)
  expect([run.status, run.error]).toEqual(['success', null])
  return performance.now() - started
}

async function medianRun(): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) times.push(await timeOfRun())
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
}

const pidOf = (name: 'gateway' | 'runtime') => system.state().processes[name]?.pid ?? 0

function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024
}

/** Sockets that a process has open. */
function socketsOf(pid: number): number {
  const isSocket = (name: string) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`).startsWith('socket:')
    } catch {
      // Closed while it was looked at.
      return false
    }
  }
  return readdirSync(`/proc/${pid}/fd`).filter(isSocket).length
}

/** What an attack could leave behind. */
function whatIsThere() {
  const runtime = join(system.home, 'runtime')
  return {
    processes: descendantsOf(pidOf('runtime')).length,
    entries: readdirSync(runtime).toSorted(),
    sockets: readdirSync(runtime, { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('.sock'),
    ).length,
    connections: { gateway: socketsOf(pidOf('gateway')), runtime: socketsOf(pidOf('runtime')) },
    memory: { gateway: residentMib(pidOf('gateway')), runtime: residentMib(pidOf('runtime')) },
  }
}

const EVIL = {
  'a flood of output': script(
    'run yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 30000000',
    'run sleep 60',
  ),
  'many processes': script('run for i in $(seq 200); do sleep 60 & done; wait'),
  'all of the memory': script(
    `run node -e "const all = []; for (let i = 0; i < 40; i += 1) all.push(Buffer.alloc(8e6, 1)); setTimeout(() => {}, 60000)"`,
  ),
}

const runs: Run[] = []
const clients: RawClient[] = []
const streams: AbortController[] = []

test.each(Object.entries(EVIL))('a run that makes %s is begun', async (_, prompt) => {
  const repository = await makeRepository(system, attacker)
  runs.push(await startRun(system, attacker, { repoId: repository.repoId, prompt }))
})

test('more runs than anybody may have at once wait for their turn, or are refused', async () => {
  const { repoId: own } = await makeRepository(system, attacker)
  const json = { repoId: own, harness: 'echo', createBranch: true, prompt: 'run sleep 60' }
  for (let count = 0; count < 6; count += 1) {
    const headers = { 'idempotency-key': crypto.randomUUID() }
    const answer = await send(system, 'POST', '/api/v1/mogplex/runs', {
      as: { token: attacker.token },
      json,
      headers,
    })
    expect(answer.status).toBeOneOf([202, 429])
    if (answer.status === 202) runs.push((await answer.json()).data)
  }
})

test('event streams are opened until there are no more', async () => {
  const statuses: number[] = []
  for (let count = 0; count < STREAMS_OF_A_TOKEN + 5; count += 1) {
    const leaving = new AbortController()
    streams.push(leaving)
    const url = `${system.baseUrl}/api/v1/mogplex/runs/${runs[0]?.runId}/events`
    const headers = { authorization: `Bearer ${attacker.token}`, accept: 'text/event-stream' }
    const answer = await fetch(url, { headers, signal: leaving.signal })
    statuses.push(answer.status)
    if (answer.status === 429) expect(answer.headers.get('retry-after')).toBe('10')
  }
  expect(statuses).toEqual([...Array(STREAMS_OF_A_TOKEN).fill(200), ...Array(5).fill(429)])
})

test('the neighbour’s own stream is opened all the same', async () => {
  const { runId } = await startRun(system, neighbour, { repoId, prompt: 'say hello' })
  const answer = await openStream(system, { token: neighbour.token }, runId)
  expect([answer.status, (await answer.text()).includes('hello')]).toEqual([200, true])
})

test('passwords are guessed, and the guesses said to come from elsewhere', async () => {
  const guess = (index: number) =>
    send(system, 'POST', '/api/auth/sign-in/email', {
      json: { email: neighbour.email, password: `${PASSWORD}${index}` },
      headers: { 'x-forwarded-for': `203.0.113.${index}`, connection: 'close' },
    })
  const statuses = (await Promise.all(Array.from({ length: 40 }, (_, index) => guess(index)))).map(
    ({ status }) => status,
  )
  expect(statuses.filter(status => status === 401).length).toBeLessThanOrEqual(10)
  expect(new Set(statuses)).toEqual(new Set([401, 429]))
})

test('large bodies are sent, and connections kept that say nothing, or only the half', async () => {
  const head = `POST /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${attacker.token}\r\n`
  const half = [`${head}Content-Length: 900000\r\n\r\n${'x'.repeat(400_000)}`, head, '']
  for (let count = 0; count < 60; count += 1) {
    const client = await connectRaw(system.port, { isDeaf: true })
    clients.push(client)
    void client.send(half[count % half.length] ?? '')
  }
  expect((await send(system, 'GET', '/api/repos', { as: { token: neighbour.token } })).status).toBe(200)
})

test('the neighbour’s run is done while all of that goes on', async () => {
  const ms = await timeOfRun()
  process.stdout.write(
    `A run took ${Math.round(before.ms)} ms alone and ${Math.round(ms)} ms during the attack.\n`,
  )
})

test('everything ends when it is ended', async () => {
  for (const leaving of streams) leaving.abort()
  for (const client of clients) client.close()
  for (const { runId } of runs) await cancelRun(system, attacker, runId)
  const hasEnded = async ({ runId }: Run) =>
    !['pending', 'streaming'].includes((await getRun(system, attacker, runId)).status)
  for (const run of runs)
    expect(await waitUntil(() => hasEnded(run), { limitMs: 30_000, everyMs: 200 })).toBe(true)
})

test('no process, no socket and no file of it is left', async () => {
  const isAsBefore = () => whatIsThere().processes <= before.left.processes
  expect(await waitUntil(isAsBefore, { limitMs: 30_000, everyMs: 200 })).toBe(true)
  const { entries, sockets } = whatIsThere()
  expect({ entries, sockets }).toEqual({ entries: before.left.entries, sockets: before.left.sockets })
})

test('no connection of it is left: as many streams can be opened again', async () => {
  const { runId = '' } = runs[0] ?? {}
  for (let count = 0; count < STREAMS_OF_A_TOKEN; count += 1) {
    const answer = await openStream(system, { token: attacker.token }, runId)
    expect(answer.status).toBe(200)
    // The run is over, and so is its stream.
    await answer.text()
  }
  // Some are kept to be used again.
  const areFew = () => {
    const { connections } = whatIsThere()
    return (
      connections.gateway <= before.left.connections.gateway + 16 &&
      connections.runtime <= before.left.connections.runtime + 16
    )
  }
  expect(await waitUntil(areFew, { limitMs: 30_000, everyMs: 200 })).toBe(true)
})

test('the memory of it is given back, or used again', () => {
  const { memory } = whatIsThere()
  expect(memory.gateway - before.left.memory.gateway).toBeLessThan(80)
  expect(memory.runtime - before.left.memory.runtime).toBeLessThan(200)
})

test('the neighbour’s run takes at most twice as long as it took alone', async () => {
  const after = await medianRun()
  process.stdout.write(
    `A run took ${Math.round(before.ms)} ms before the attack and ${Math.round(after)} ms after.\n`,
  )
  expect(after).toBeLessThan(2 * Math.max(before.ms, FLOOR_MS))
})
