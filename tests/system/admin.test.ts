/** Issue 3: the operator's commands, on an instance that runs and on one that does not. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { type Account, OPEN_DOORS, send, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'

setDefaultTimeout(120_000)

const ROOT = join(import.meta.dir, '../..')
let system: System
let account: Account
beforeAll(async () => {
  system = await startSystem({ env: OPEN_DOORS })
  account = await signUpWithToken(system)
}, 120_000)
afterAll(() => system.stop())

async function admin(home: string, ...args: string[]) {
  const { PATH, HOME } = process.env
  const child = Bun.spawn([process.execPath, join(ROOT, 'deploy/local/main.ts'), 'admin', ...args], {
    cwd: ROOT,
    env: { PATH, HOME, MOGPLEX_HOME: home },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

const statusAs = async (as: { cookie?: string; token?: string }) =>
  (await send(system, 'GET', '/api/settings', { as })).status
/** With the session, and with the token. */
const statuses = () => Promise.all([statusAs({ cookie: account.cookie }), statusAs({ token: account.token })])

test('disabled while the instance runs: the next request with session or token is refused', async () => {
  expect(await statuses()).toEqual([200, 200])
  const { code, out, err } = await admin(system.home, 'user', 'disable', account.email)
  expect([code, out.includes(`${account.email} is disabled`), err]).toEqual([0, true, ''])
  expect(await statuses()).toEqual([401, 401])
})

test('enabled while the instance is stopped: after the next start the token works, the session does not', async () => {
  expect(await system.stop()).toBe(0)
  const listed = await admin(system.home, 'user', 'list')
  expect([listed.code, listed.err]).toEqual([0, ''])
  expect(listed.out).toContain(account.userId)
  const enabled = await admin(system.home, 'user', 'enable', account.userId)
  expect([enabled.code, enabled.out.includes('is enabled')]).toEqual([0, true])
  // Its Postgres is gone with it, or the start would have to end it.
  system = await startSystem({ env: OPEN_DOORS, home: system.home, port: system.port })
  expect(system.output()).not.toContain('left behind')
  expect(await statuses()).toEqual([401, 200])
})

test('exit codes reach the shell', async () => {
  expect((await admin(system.home, 'user', 'disable', 'nobody@example.test')).code).toBe(1)
  expect((await admin(system.home, 'user', 'drop')).code).toBe(2)
})

test('a home on which nothing was started is said, not made', async () => {
  const home = join(temporaryDirectory('admin'), 'home')
  const { code, err } = await admin(home, 'user', 'list')
  expect([code, err]).toEqual([1, `No instance was started on ${home} yet.\n`])
  expect(existsSync(home)).toBe(false)
})
