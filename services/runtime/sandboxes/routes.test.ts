import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { eq } from 'drizzle-orm'
import { type Sandbox, sandboxes, sandboxLifecycleEvents } from '../database/schema.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { changeSandbox } from './lifecycle.ts'

const SANDBOXES = '/api/v1/mogplex/sandboxes'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

let minutes = 0

/** A stored sandbox, active a minute after the one before it. */
async function addSandbox(userId: string, facts: Partial<Sandbox> = {}): Promise<Sandbox> {
  minutes += 1
  const [row] = await runtime.database
    .insert(sandboxes)
    .values({
      id: newId(),
      userId,
      repoId: newId(),
      provider: 'local',
      status: 'running',
      baseBranch: 'main',
      workingBranch: 'work',
      lastActiveAt: new Date(Date.UTC(2026, 0, 1, 0, minutes)),
      ...facts,
    })
    .returning()
  if (!row) throw new Error('not stored')
  return row
}

async function get(userId: string, path: string) {
  const response = await runtime.call('GET', SANDBOXES + path, { as: { userId } })
  const { data, error } = (await response.json()) as {
    data: {
      sandboxes: { id: string }[]
      sandbox: Record<string, unknown>
      lifecycle_events: Record<string, unknown>[]
    }
    error: unknown
  }
  return { status: response.status, data, error }
}

const idsOf = async (userId: string, query: string) =>
  (await get(userId, query)).data.sandboxes.map(sandbox => sandbox.id)

test('own sandboxes, the most recently active first, in the shape of the contract', async () => {
  const [userId, other] = [newId(), newId()]
  const first = await addSandbox(userId, {
    error: 'clone of https://x-access-token:abc@host failed',
    status: 'error',
  })
  await addSandbox(other)
  const second = await addSandbox(userId, {
    sandboxId: 'box-1',
    rootDirectory: 'web',
    previewUrl: 'http://p',
  })
  const { status, data } = await get(userId, '')
  expect(status).toBe(200)
  expect(data.sandboxes as unknown).toEqual([
    {
      id: second.id,
      sandbox_id: 'box-1',
      repo_id: second.repoId,
      status: 'running',
      base_branch: 'main',
      working_branch: 'work',
      root_directory: 'web',
      preview_url: 'http://p',
      created_at: second.createdAt.toISOString(),
      last_active_at: second.lastActiveAt.toISOString(),
      error: null,
    },
    expect.objectContaining({
      id: first.id,
      sandbox_id: null,
      error: 'clone of https://x-access-token:[redacted]@host failed',
    }),
  ])
})

test('filters match exactly; what they cannot match is an empty list', async () => {
  const userId = newId()
  const [a, b] = [await addSandbox(userId), await addSandbox(userId, { status: 'paused' })]
  expect(await idsOf(userId, `?repo_id=${a.repoId}`)).toEqual([a.id])
  expect(await idsOf(userId, `?repo_id=${a.repoId.toUpperCase()}`)).toEqual([a.id])
  expect(await idsOf(userId, '?status=paused')).toEqual([b.id])
  expect(await idsOf(userId, `?status=paused&status=running&repo_id=${b.repoId}`)).toEqual([b.id])
  for (const query of [
    `repo_id=${newId()}`,
    'repo_id=x',
    'repo_id=',
    'repo_id=%00',
    'status=gone',
    'status=',
    'status=%00',
    'status=Running',
  ])
    expect(await idsOf(userId, `?${query}`)).toEqual([])
})

test('the limit is clamped, never an error', async () => {
  const userId = newId()
  for (let index = 0; index < 5; index += 1) await addSandbox(userId)
  const counts: [string, number][] = [
    ['0', 1],
    ['-3', 1],
    ['3x', 3],
    ['abc', 5],
    ['', 5],
    ['999999', 5],
    ['99999999999999999999999999', 5],
  ]
  for (const [limit, count] of counts) expect(await idsOf(userId, `?limit=${limit}`)).toHaveLength(count)
})

test('logs: the newest 200 events, oldest first, and the end of each log, sanitised', async () => {
  const userId = newId()
  const token = `sk-${'a1B2'.repeat(8)}`
  const sandbox = await addSandbox(userId, {
    installLog: `${'x'.repeat(300 * 1024)} key ${token}`,
    devLog: null,
  })
  const event = { sandboxRecordId: sandbox.id, decisionCode: null, workerRunId: null }
  await runtime.database.insert(sandboxLifecycleEvents).values(
    Array.from({ length: 205 }, (_, index) => ({
      ...event,
      id: newId(),
      eventType: 'status_changed',
      payload: { number: index, env: { A: 1 }, text: `Bearer ${token}` },
      createdAt: new Date(Date.UTC(2026, 0, 1, 0, 0, index)),
    })),
  )
  const { status, data } = await get(userId, `/${sandbox.id}/logs`)
  expect(status).toBe(200)
  expect(data.sandbox).toMatchObject({ id: sandbox.id, dev_log: null })
  expect(String(data.sandbox.install_log)).toHaveLength(256 * 1024)
  expect(String(data.sandbox.install_log)).toEndWith('xx key [redacted]')
  expect(data.lifecycle_events).toHaveLength(200)
  expect(data.lifecycle_events.at(-1)).toEqual({
    id: expect.any(String),
    event_type: 'status_changed',
    decision_code: null,
    worker_run_id: null,
    payload: { number: 204, env: '[redacted]', text: 'Bearer [redacted]' },
    created_at: '2026-01-01T00:03:24.000Z',
  })
  expect(data.lifecycle_events[0]).toMatchObject({ payload: { number: 5 } })
})

test('what is no longer shown is forgotten with the next change of state, of this sandbox alone', async () => {
  const userId = newId()
  const [sandbox, other] = [await addSandbox(userId), await addSandbox(userId, { workingBranch: 'other' })]
  const numbered = (sandboxRecordId: string) =>
    Array.from({ length: 250 }, (_, number) => ({
      ...{ id: newId(), sandboxRecordId, eventType: 'status_changed', payload: { number } },
      createdAt: new Date(Date.UTC(2026, 0, 1, 0, 0, number)),
    }))
  const events = [sandbox, other].flatMap(({ id }) => numbered(id))
  await runtime.database.insert(sandboxLifecycleEvents).values(events)
  await changeSandbox(runtime.database, sandbox.id, { from: ['running'], to: 'paused' })
  const stored = (id: string) =>
    runtime.database.$count(sandboxLifecycleEvents, eq(sandboxLifecycleEvents.sandboxRecordId, id))
  expect([await stored(sandbox.id), await stored(other.id)]).toEqual([200, 250])
  const { lifecycle_events: shown } = (await get(userId, `/${sandbox.id}/logs`)).data
  expect(shown[0]).toMatchObject({ payload: { number: 51 } })
  expect(shown.at(-1)).toMatchObject({ payload: { from: 'running', to: 'paused' } })
})

test('logs of a sandbox that is unknown, foreign or named by its provider: 404, alike', async () => {
  const userId = newId()
  await addSandbox(userId, { sandboxId: 'box-2' })
  const foreign = await addSandbox(newId())
  for (const id of [newId(), foreign.id, 'box-2', '%00', "'"]) {
    const { status, error } = await get(userId, `/${encodeURIComponent(id)}/logs`)
    expect([status, error]).toEqual([404, { code: 'NOT_FOUND', message: 'Sandbox not found' }])
  }
})
