/** Issue 3: the operator's commands, on an instance that runs and on one that does not. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { type Account, OPEN_DOORS, send, signUpWithToken } from './accounts.ts'
import { runAdmin } from './admin-command.ts'
import { type System, startSystem } from './launch.ts'

setDefaultTimeout(120_000)

let system: System
let account: Account
beforeAll(async () => {
  system = await startSystem({ env: OPEN_DOORS })
  account = await signUpWithToken(system)
}, 120_000)
afterAll(() => system.stop())

const statusAs = async (as: { cookie?: string; token?: string }) =>
  (await send(system, 'GET', '/api/settings', { as })).status
/** With the session, and with the token. */
const statuses = () => Promise.all([statusAs({ cookie: account.cookie }), statusAs({ token: account.token })])

test('disabled while the instance runs: the next request with session or token is refused', async () => {
  expect(await statuses()).toEqual([200, 200])
  const { code, out, err } = await runAdmin(system.home, 'user', 'disable', account.email)
  expect([code, out.includes(`${account.email} is disabled`), err]).toEqual([0, true, ''])
  expect(await statuses()).toEqual([401, 401])
})

test('enabled while the instance is stopped: after the next start the token works, the session does not', async () => {
  expect(await system.stop()).toBe(0)
  const listed = await runAdmin(system.home, 'user', 'list')
  expect([listed.code, listed.err]).toEqual([0, ''])
  expect(listed.out).toContain(account.userId)
  const enabled = await runAdmin(system.home, 'user', 'enable', account.userId)
  expect([enabled.code, enabled.out.includes('is enabled')]).toEqual([0, true])
  // Its Postgres is gone with it, or the start would have to end it.
  system = await startSystem({ env: OPEN_DOORS, home: system.home, port: system.port })
  expect(system.output()).not.toContain('left behind')
  expect(await statuses()).toEqual([401, 200])
})

test('exit codes reach the shell', async () => {
  expect((await runAdmin(system.home, 'user', 'disable', 'nobody@example.test')).code).toBe(1)
  expect((await runAdmin(system.home, 'user', 'drop')).code).toBe(2)
})

test('a home on which nothing was started is said, not made', async () => {
  const home = join(temporaryDirectory('admin'), 'home')
  const { code, err } = await runAdmin(home, 'user', 'list')
  expect([code, err]).toEqual([1, `No instance was started on ${home} yet.\n`])
  expect(existsSync(home)).toBe(false)
})

test('the code of the first sign-up is shown again, with its link', async () => {
  const { code, out } = await runAdmin(system.home, 'signup-code')
  expect([code, out]).toEqual([0, expect.stringMatching(/\/login#code=[\w-]{22,}$/m)])
})
