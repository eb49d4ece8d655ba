import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandOf, identifyProcess } from '@mogplex/kit/processes/identity.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { clearStalePostmaster, endLeftOvers } from './left-overs.ts'
import type { State } from './state.ts'

setDefaultTimeout(120_000)

const QUIETLY = { detached: true, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const
const sleeper = () => Bun.spawn(['sleep', '600'], QUIETLY)
const stateWith = (processes: State['processes']): State => ({
  launcher: { pid: 2, identity: 'gone' },
  baseUrl: '',
  databaseUrl: '',
  natsUrl: '',
  processes,
})
const known = (pid: number, identity = identifyProcess(pid) ?? '') => ({ pid, identity, port: 1 })

test('what an earlier start left running is ended', async () => {
  const [service, server] = [sleeper(), sleeper()]
  const state = stateWith({ runtime: known(service.pid), nats: known(server.pid) })
  expect(await endLeftOvers(state)).toEqual(['runtime', 'nats'])
  expect([await service.exited, await server.exited].every(code => code !== 0)).toBe(true)
})

test('a process that has the pid of an earlier one is left alone', async () => {
  const bystander = sleeper()
  expect(await endLeftOvers(stateWith({ runtime: known(bystander.pid, 'of another time') }))).toEqual([])
  expect(identifyProcess(bystander.pid)).not.toBeNull()
  bystander.kill()
})

test('a pid file of Postgres that names somebody else is removed, and somebody else left alone', async () => {
  const directory = temporaryDirectory('postmaster')
  const bystander = sleeper()
  writeFileSync(join(directory, 'postmaster.pid'), `${bystander.pid}\n${directory}\n`)
  await clearStalePostmaster(directory)
  expect(existsSync(join(directory, 'postmaster.pid'))).toBe(false)
  expect(identifyProcess(bystander.pid)).not.toBeNull()
  bystander.kill()
})

test('a process that runs on the files of Postgres is ended before they are used again', async () => {
  const directory = temporaryDirectory('postmaster')
  const left = Bun.spawn(['sh', '-c', 'sleep 600; :', directory], QUIETLY)
  writeFileSync(join(directory, 'postmaster.pid'), `${left.pid}\n`)
  // For a moment after its start a process has no command line yet; a postmaster's file is written later.
  await waitUntil(() => commandOf(left.pid)?.includes(directory) ?? false, { limitMs: 20_000, everyMs: 1 })
  await clearStalePostmaster(directory)
  expect(identifyProcess(left.pid)).toBeNull()
})
