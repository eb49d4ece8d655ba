import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { eq } from 'drizzle-orm'
import { aiCallEvents, sandboxes } from '../database/schema.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { RUNS_PATH, type RunRequest, startRunAs, storedOf } from '../test-bench/run-client.ts'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

const start = (...request: RunRequest) => startRunAs(runtime, ...request)

describe('an accepted run', () => {
  test('is answered as it was stored, with the defaults of request and repo', async () => {
    const { userId, repoId } = runtime.addUser({}, { rootDirectory: 'apps/web' })
    const wakesBefore = runtime.wakes.count
    const { status, body } = await start(userId, { repoId: ` ${repoId} `, prompt: '  Fix the cart  ' })
    expect(status).toBe(202)
    expect(body).toEqual({
      ok: true,
      data: {
        runId: expect.any(String),
        aiCallId: expect.any(String),
        sandboxRecordId: null,
        sandboxId: null,
        repoId,
        harness: 'codex',
        status: 'pending',
        branch: { base: 'trunk', working: 'trunk', createBranch: false },
        rootDirectory: 'apps/web',
        eventsUrl: `${RUNS_PATH}/${body.data.runId}/events`,
        cancelUrl: `${RUNS_PATH}/${body.data.runId}/cancel`,
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        updatedAt: expect.any(String),
        error: null,
        delivery: null,
        leftovers: null,
        usage: null,
        runtime: { provider: 'worker', runId: expect.any(String) },
        replayed: false,
      },
    } as never)
    const stored = await storedOf(runtime, userId)
    const [run] = stored.runs
    const [call] = stored.calls
    expect(run).toMatchObject({ prompt: 'Fix the cart', status: 'pending', aiCallId: call?.id })
    expect(call).toMatchObject({ type: 'agent', status: 'pending', model: 'harness:codex' })
    expect(call?.metadata).toMatchObject({ source: 'external-api', harness_id: 'codex', repo_id: repoId })
    expect(stored.limits).toMatchObject([
      { routeKey: 'external_agent_run', decision: 'allowed', reason: null },
    ])
    expect(stored.facts).toMatchObject([
      { subject: 'evt.runtime.run.accepted', payload: { runId: run?.id, repoId, harness: 'codex' } },
    ])
    const events = await runtime.database
      .select()
      .from(aiCallEvents)
      .where(eq(aiCallEvents.aiCallId, call?.id ?? ''))
    expect(events).toMatchObject([
      {
        position: 1,
        eventType: 'started',
        message: 'External Mogplex run accepted',
        payload: { external_run_id: run?.id, harness_id: 'codex', working_branch: 'trunk' },
      },
    ])
    expect(runtime.wakes.count).toBe(wakesBefore + 1)
    const read = await runtime.call('GET', `${RUNS_PATH}/${run?.id}`, { as: { userId } })
    const { replayed, ...detail } = body.data
    expect(await read.json()).toEqual({ ok: true, data: { run: detail } } as never)
  })

  test('gets a branch of its own when it asks for one and names none', async () => {
    const { userId, repoId } = runtime.addUser()
    const key = newId()
    const body = { repoId, prompt: 'Änder the   Docs!', createBranch: true }
    const first = await start(userId, body, key)
    const working = String(first.body.data.branch.working)
    const today = new Date().toISOString().slice(0, 10)
    expect(working).toMatch(new RegExp(`^mogplex/run/${today}/ander-the-docs-[0-9a-f]{6}$`))
    expect((await start(userId, body, key)).body.data.branch.working).toBe(working)
  })

  test('names the active sandbox of the same repo, branch and directory', async () => {
    const { userId, repoId } = runtime.addUser()
    const record = { userId, repoId, provider: 'local', baseBranch: 'trunk', workingBranch: 'trunk' }
    const matching = newId()
    await runtime.database.insert(sandboxes).values([
      { ...record, id: matching, sandboxId: 'box-1', status: 'running' },
      { ...record, id: newId(), sandboxId: 'box-2', status: 'running', rootDirectory: 'web' },
      { ...record, id: newId(), sandboxId: 'box-3', status: 'stopped' },
    ])
    const { body } = await start(userId, { repoId, prompt: 'x' })
    expect(body.data).toMatchObject({ sandboxRecordId: matching, sandboxId: 'box-1' })
    const other = await start(userId, { repoId, prompt: 'x', rootDirectory: 'api' })
    expect(other.body.data).toMatchObject({ sandboxRecordId: null, sandboxId: null })
  })

  test('null, blank and unknown mean absent; a root directory of null does not', async () => {
    const { userId, repoId } = runtime.addUser({}, { rootDirectory: 'apps/web' })
    const { status, body } = await start(userId, {
      repoId,
      prompt: 'x',
      harness: ' ',
      baseBranch: null,
      workingBranch: '',
      createBranch: null,
      rootDirectory: null,
      conversationId: null,
      workspaceSessionId: '  ',
      mode: null,
      unknown: { any: 1 },
    })
    expect(status).toBe(202)
    expect(body.data).toMatchObject({ harness: 'codex', rootDirectory: null, branch: { working: 'trunk' } })
  })

  test('text of any language and any odd character is stored as it can be', async () => {
    const { userId, repoId } = runtime.addUser()
    const { status } = await start(userId, { repoId, prompt: '修理 🛒 \u0001', mode: 'é' })
    expect(status).toBe(202)
    const [run] = (await storedOf(runtime, userId)).runs
    expect(run?.prompt).toBe('修理 🛒 \u0001')
  })
})

test('foreign, unknown and malformed runs are 404 alike', async () => {
  const [own, other] = [runtime.addUser(), runtime.addUser()]
  const { body } = await start(other.userId, { repoId: other.repoId, prompt: 'x' })
  for (const id of [body.data.runId, newId(), 'no-id', '%00', "'"]) {
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/events'],
      ['POST', '/cancel'],
    ] as const) {
      const response = await runtime.call(method, `${RUNS_PATH}/${encodeURIComponent(id)}${path}`, {
        as: own,
      })
      expect(response.status).toBe(404)
      expect(await response.json()).toEqual({
        ok: false,
        error: { code: 'NOT_FOUND', message: 'Run not found' },
      })
    }
  }
})
