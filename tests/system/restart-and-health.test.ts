/** An instance that is stopped and started again, and what it says of its health (gateway spec 4, "System"). */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Credential, call, makeToken, OPEN_DOORS, send, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'
import { readEvents, startRun, waitForEnd } from './runs.ts'

setDefaultTimeout(120_000)

const env = { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT }

test('sessions, tokens, repos, runs and refusals outlive a restart', async () => {
  const first = await startSystem({ env })
  const ada = await signUpWithToken(first)
  const { repoId, ...remote } = await makeRepository(first, ada, { sandbox_env_vars: { LOG: 'debug' } })
  const run = await startRun(first, ada, { repoId, prompt: 'write a.txt hello' }, 'the key')
  const ended = await waitForEnd(first, ada, run.runId)
  const revoked = await revokedToken(first, ada)
  const reads: [Credential, string][] = [
    [{ cookie: ada.cookie }, '/api/auth/get-session'],
    [{ cookie: ada.cookie }, '/api/settings'],
    [{ cookie: ada.cookie }, '/api/repos'],
    [{ token: ada.token }, '/api/workspaces'],
    [{ token: ada.token }, '/api/v1/mogplex/repos'],
    [{ token: ada.token }, `/api/v1/mogplex/runs/${run.runId}`],
    [{ token: ada.token }, '/api/v1/mogplex/sandboxes'],
  ]
  const readAll = (system: System) =>
    Promise.all(
      reads.map(async ([as, path]) => [path, (await call<unknown>(system, 'GET', path, { as })).body]),
    )
  const [before, events] = [await readAll(first), await readEvents(first, ada, run.runId)]
  expect(await first.stop()).toBe(0)

  const second = await startSystem({ env, home: first.home, port: first.port })
  // When a session was used last is written once a minute, and moves its end.
  const steady = (answers: unknown) => JSON.stringify(answers).replaceAll(/"expiresAt":"[^"]+"/g, '')
  expect(steady(await readAll(second))).toEqual(steady(before))
  expect(await readEvents(second, ada, run.runId)).toEqual(events)
  expect((await send(second, 'GET', '/api/settings', { as: { token: revoked } })).status).toBe(401)
  const replay = await startRun(second, ada, { repoId, prompt: 'write a.txt hello' }, 'the key')
  expect(replay).toEqual({ ...ended, replayed: true } as typeof replay)

  // The sandbox of the first run goes on where it was, with what it was told to keep.
  const next = await startRun(second, ada, {
    repoId,
    prompt: 'run cat a.txt > b.txt && echo "$LOG" >> b.txt',
    workingBranch: ended.branch.working,
    createBranch: false,
  })
  expect(await waitForEnd(second, ada, next.runId)).toMatchObject({
    status: 'success',
    sandboxRecordId: ended.sandboxRecordId,
  })
  expect(remote.read(ended.branch.working, 'b.txt')).toBe('hello\ndebug\n')
  expect(await second.stop()).toBe(0)
})

async function revokedToken(system: System, { cookie }: { cookie: string }): Promise<string> {
  const as = { cookie }
  const token = await makeToken(system, { cookie })
  const { body } = await call<{ keys: { id: string }[] }>(system, 'GET', '/api/settings/api-keys', { as })
  await call(system, 'DELETE', `/api/settings/api-keys/${body.keys[0]?.id}`, { as })
  return token
}

test('health is about the gateway, readiness names every service that does not answer', async () => {
  const system = await startSystem({ env })
  const ask = async (path: string) => {
    const response = await send(system, 'GET', path, {
      as: { token: 'mog_bad', cookie: 'mogplex_session=bad' },
    })
    return [response.status, await response.json()]
  }
  const fine = [200, { status: 'ok' }]
  const without = (...services: string[]) => [503, { status: 'unavailable', services }]
  expect(await ask('/healthz')).toEqual(fine)
  expect(await ask('/readyz')).toEqual(fine)

  const { identity, projects } = system.state().processes
  const signal = (name: NodeJS.Signals, ...processes: (typeof identity)[]) => {
    for (const each of processes) if (each) process.kill(each.pid, name)
  }
  // Stopped, not dead: the connection is accepted and nothing answers.
  signal('SIGSTOP', identity)
  expect(await ask('/readyz')).toEqual(without('identity'))
  signal('SIGSTOP', projects)
  expect(await ask('/readyz')).toEqual(without('identity', 'projects'))
  expect(await ask('/healthz')).toEqual(fine)
  const unresolved = await send(system, 'GET', '/api/settings', { as: { token: `mog_${'a'.repeat(32)}` } })
  expect([unresolved.status, unresolved.headers.get('retry-after')]).toEqual([503, '60'])
  signal('SIGCONT', identity, projects)
  expect(await waitUntil(async () => (await ask('/readyz'))[0] === 200, { limitMs: 30_000 })).toBe(true)

  const head = await send(system, 'HEAD', '/healthz')
  expect([head.status, await head.text()]).toEqual([200, ''])
  const post = await send(system, 'POST', '/readyz', { json: {} })
  expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  expect(await system.stop()).toBe(0)
})
