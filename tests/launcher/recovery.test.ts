import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess } from '@mogplex/kit/processes/identity.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { STOP_PLAN } from '@mogplex/local/processes.ts'
import postgres from 'postgres'
import { runLauncher, type System, startSystem } from '../system/launch.ts'
import { standInLauncher } from './stand-ins.ts'

setDefaultTimeout(120_000)

const command = standInLauncher()
const pidsOf = (system: System) => Object.values(system.state().processes).map(({ pid }) => pid)
const areGone = (pids: number[]) =>
  waitUntil(() => pids.every(pid => identifyProcess(pid) === null), { limitMs: 30_000 })
const startAgain = ({ home, port }: System) => startSystem({ command, home, port })

async function query(system: System, statement: string): Promise<unknown[]> {
  const sql = postgres(system.state().databaseUrl, { max: 1 })
  const rows = await sql.unsafe(statement)
  await sql.end()
  return [...rows]
}

test('after kill -9 of everything the next start has all committed data', async () => {
  const first = await startSystem({ command })
  await query(first, 'create table kept as select 1 as id')
  const pids = pidsOf(first)
  await first.killLauncher()
  for (const pid of pids) if (identifyProcess(pid)) process.kill(pid, 'SIGKILL')
  const second = await startAgain(first)
  expect(await query(second, 'select id from kept')).toEqual([{ id: 1 }])
  expect(await second.stop()).toBe(0)
})

test('after kill -9 of the launcher alone nothing runs on beside the next start', async () => {
  const first = await startSystem({ command })
  const pids = pidsOf(first)
  await first.killLauncher()
  const second = await startAgain(first)
  expect(await areGone(pids)).toBe(true)
  expect(await second.stop()).toBe(0)
})

test('a pid of an earlier start that is now somebody else’s is left alone', async () => {
  const first = await startSystem({ command })
  const state = first.state()
  await first.stop()
  const bystander = Bun.spawn(['sleep', '600'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  const processes = { runtime: { pid: bystander.pid, identity: 'of another process' } }
  writeFileSync(join(first.home, 'state.json'), JSON.stringify({ ...state, processes }))
  writeFileSync(join(first.home, 'postgres/data/postmaster.pid'), `${bystander.pid}\n`)
  const second = await startAgain(first)
  expect(identifyProcess(bystander.pid)).not.toBeNull()
  bystander.kill('SIGKILL')
  await second.stop()
})

/** Its services do not end when they are asked to. */
async function startStubborn(): Promise<System> {
  const system = await startSystem({ command })
  for (const name of ['gateway', 'identity', 'projects', 'runtime'] as const)
    await system.fetchFrom(name, '/stubborn')
  return system
}

test('ctrl-C stops everything, with children that will not end, and leaves none more than 10 s', async () => {
  const system = await startStubborn()
  const pids = pidsOf(system)
  expect(await system.stop()).toBe(0)
  expect(STOP_PLAN.every(({ untilMs }) => untilMs < 10_000)).toBe(true)
  expect(pids.filter(pid => identifyProcess(pid) !== null)).toEqual([])
  expect(existsSync(join(system.home, 'state.json'))).toBe(false)
  expect(system.output()).toContain('did not end in time')
})

test('a second ctrl-C ends everything at once', async () => {
  const system = await startStubborn()
  const pids = pidsOf(system)
  const stopping = system.stop()
  await Bun.sleep(700)
  // In order it would have ended with 0, after waiting for each of them.
  expect(await system.stop()).toBe(130)
  await stopping
  expect(await areGone(pids)).toBe(true)
})

test('a service that cannot start ends the start with its last words and the place of its log', async () => {
  const broken = standInLauncher({
    'services/projects': `console.log(JSON.stringify({ level: 60, event: 'config', message: 'X: is not set' }))
      process.exit(1)`,
  })
  const home = join(temporaryDirectory('broken'), 'home')
  const launcher = runLauncher({ command: broken, home, port: await reservePort() })
  expect(await launcher.exited).toBe(1)
  expect(launcher.output()).toContain('fatal  config  X: is not set')
  expect(launcher.output()).toContain(`projects does not start; see ${join(home, 'logs/projects.log')}`)
})
