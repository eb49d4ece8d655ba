import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess } from '@mogplex/kit/processes/identity.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import type { ProcessName, ProgramName } from '@mogplex/local/processes.ts'
import postgres from 'postgres'
import { runLauncher, type System, startSystem } from '../system/launch.ts'
import { standInLauncher } from './stand-ins.ts'

const NAMES: ProgramName[] = ['gateway', 'identity', 'nats', 'postgres', 'projects', 'runtime']
setDefaultTimeout(120_000)

const command = standInLauncher()

const pidsOf = (system: System) => Object.values(system.state().processes).map(({ pid }) => pid)
const areGone = (pids: number[]) =>
  waitUntil(() => pids.every(pid => identifyProcess(pid) === null), { limitMs: 30_000 })
const tell = async (system: System, name: ProcessName, path: string) =>
  JSON.parse(await (await system.fetchFrom(name, path)).text())

async function query(system: System, statement: string): Promise<unknown[]> {
  const sql = postgres(system.state().databaseUrl, { max: 1, onnotice: () => undefined })
  const rows = await sql.unsafe(statement)
  await sql.end()
  return [...rows]
}

let system: System
beforeAll(async () => {
  system = await startSystem({ command, env: { OPENAI_API_KEY: 'of-the-operator', CRON_SECRET: 'of-cron' } })
})
afterAll(() => system.stop())

test('everything runs, each program is known by name', () => {
  expect(Object.keys(system.state().processes).toSorted()).toEqual(NAMES)
  expect(system.output()).toContain('/api/auth/sign-up/email')
})

test('every file of the home is for its owner alone', () => {
  const names = readdirSync(system.home, { recursive: true, encoding: 'utf8' })
  expect(names).toContain('keys.json')
  for (const name of ['', ...names]) {
    const stat = statSync(join(system.home, name), { throwIfNoEntry: false })
    if (stat) expect(`${name} ${(stat.mode & 0o077).toString(8)}`).toBe(`${name} 0`)
  }
})

test('a child knows its own settings and no secret of another', async () => {
  const [gateway, identity, runtime] = await Promise.all(
    (['gateway', 'identity', 'runtime'] as const).map(name => tell(system, name, '/environment')),
  )
  expect(identity.OPENAI_API_KEY).toBe('of-the-operator')
  expect(runtime.OPENAI_API_KEY).toBeUndefined()
  expect(gateway.CRON_SECRET).toBe('of-cron')
  expect(identity.CRON_SECRET).toBeUndefined()
  expect(gateway.DATABASE_URL).toBeUndefined()
  const secrets = (environment: Record<string, string>) =>
    ['DATABASE_URL', 'NATS_NKEY_SEED', 'ASSERTION_SIGNING_KEY', 'SECRETS_ENCRYPTION_KEY'].map(
      key => environment[key],
    )
  expect(new Set([...secrets(identity), ...secrets(runtime)]).size).toBe(8)
})

test.each(NAMES)('%s comes back after kill -9, where it was', async name => {
  const { address } = system.state().processes[name] ?? {}
  const before = await system.kill(name)
  await system.ready(name)
  expect(system.state().processes[name]?.pid).not.toBe(before)
  expect(system.state().processes[name]?.address).toBe(address ?? '')
  expect(system.output()).toMatch(new RegExp(`${name} +ended \\(SIGKILL\\); starting it again in 0.2 s`))
})

test('what a killed child had started ends with it', async () => {
  const { childPid } = await tell(system, 'runtime', '/')
  await system.kill('runtime')
  expect(await areGone([childPid])).toBe(true)
  await system.ready('runtime')
})

test('a second start on the same home says where the first one is, and touches nothing', async () => {
  const pids = pidsOf(system)
  const second = runLauncher({ command, home: system.home, port: await reservePort() })
  expect(await second.exited).toBe(1)
  expect(second.output()).toContain(`already runs on ${system.home} at ${system.baseUrl}`)
  expect(pidsOf(system)).toEqual(pids)
})

test('a port in use is told in one line before anything is started', async () => {
  const home = join(temporaryDirectory('port'), 'home')
  const second = runLauncher({ command, home, port: system.port })
  expect(await second.exited).toBe(1)
  expect(second.output()).toBe(`Cannot start: port ${system.port} is in use. Set PORT to another one.\n`)
  expect(readdirSync(join(home, 'postgres'))).toEqual([])
})

test('two homes run side by side and share nothing', async () => {
  const other = await startSystem({ command })
  await query(system, 'create table if not exists here (id int)')
  expect(await query(other, `select to_regclass('here') as found`)).toEqual([{ found: null }])
  const pids = pidsOf(other)
  expect(await other.stop()).toBe(0)
  expect(await areGone(pids)).toBe(true)
  expect(Object.keys(system.state().processes)).toHaveLength(NAMES.length)
})
