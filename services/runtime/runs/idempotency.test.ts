import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { eq } from 'drizzle-orm'
import { agentRuns } from '../database/schema.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { type RunRequest, startRunAs, storedOf } from '../test-bench/run-client.ts'
import { acceptRun, type RunPlan } from './accept-run.ts'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

const start = (...request: RunRequest) => startRunAs(runtime, ...request)

describe('the same key', () => {
  test('replays the run in its present state, whatever order, spaces and unknown fields', async () => {
    const { userId, repoId } = runtime.addUser()
    const first = await start(userId, { repoId, prompt: 'x', harness: 'codex' }, 'one')
    await runtime.database
      .update(agentRuns)
      .set({ status: 'streaming' })
      .where(eq(agentRuns.id, first.body.data.runId))
    const second = await start(userId, { extra: 1, prompt: ' x ', createBranch: false, repoId }, ' one ')
    expect([second.status, second.body.data]).toEqual([
      202,
      { ...first.body.data, status: 'streaming', replayed: true } as never,
    ])
    expect((await storedOf(runtime, userId)).limits).toHaveLength(1)
  })

  test('replays without asking for the repo again, which may have changed or gone', async () => {
    const { userId, repoId } = runtime.addUser()
    const first = await start(userId, { repoId, prompt: 'x' }, 'gone')
    runtime.repos.delete(repoId)
    runtime.users.delete(userId)
    const second = await start(userId, { repoId, prompt: 'x' }, 'gone')
    expect([second.status, second.body.data.runId]).toEqual([202, first.body.data.runId])
  })

  test.each([
    { prompt: 'y' },
    { harness: 'claude-code' },
    { baseBranch: 'trunk' },
    { createBranch: true },
    { rootDirectory: null },
    { mode: 'SAFE' },
    { conversationId: 'c' },
  ])('for another request (%j) is refused', async change => {
    const { userId, repoId } = runtime.addUser()
    await start(userId, { repoId, prompt: 'x' }, 'k')
    const { status, body } = await start(userId, { repoId, prompt: 'x', ...change }, 'k')
    expect([status, body.error]).toEqual([
      409,
      { code: 'IDEMPOTENCY_CONFLICT', message: 'Idempotency key already used for a different request' },
    ])
    expect((await storedOf(runtime, userId)).runs).toHaveLength(1)
  })

  test('is another key for another user, and in another case', async () => {
    const [a, b] = [runtime.addUser(), runtime.addUser()]
    const answers = [
      await start(a.userId, { repoId: a.repoId, prompt: 'x' }, 'Key'),
      await start(b.userId, { repoId: b.repoId, prompt: 'x' }, 'Key'),
      await start(a.userId, { repoId: a.repoId, prompt: 'x' }, 'key'),
    ]
    expect(answers.map(({ body }) => body.data.replayed)).toEqual([false, false, false])
  })

  test('may be used again after a refusal', async () => {
    const { userId, repoId } = runtime.addUser()
    expect((await start(userId, { repoId: newId(), prompt: 'x' }, 'again')).status).toBe(404)
    expect((await start(userId, { repoId, prompt: 'x' }, 'again')).body.data.replayed).toBe(false)
  })

  test('50 equal requests at once, over two replicas: one run, one unit, 49 replays', async () => {
    const replica = await runtime.startReplica()
    for (let round = 0; round < 3; round += 1) {
      const { userId, repoId } = runtime.addUser()
      const callers = Array.from({ length: 50 }, (_, index) => (index % 2 ? runtime.call : replica.call))
      const answers = await Promise.all(callers.map(by => start(userId, { repoId, prompt: 'x' }, 'k', by)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
      expect(new Set(answers.map(({ body }) => body.data.runId)).size).toBe(1)
      expect(answers.filter(({ body }) => !body.data.replayed)).toHaveLength(1)
      const { runs, calls, limits, facts } = await storedOf(runtime, userId)
      expect([runs, calls, limits, facts].map(rows => rows.length)).toEqual([1, 1, 1, 1])
    }
    await replica.stop()
  })

  test('equal and different requests at once: one wins, the others replay it or are refused', async () => {
    const { userId, repoId } = runtime.addUser()
    const prompts = Array.from({ length: 30 }, (_, index) => `prompt ${index % 3}`)
    const answers = await Promise.all(prompts.map(prompt => start(userId, { repoId, prompt }, 'k')))
    const winner = prompts[answers.findIndex(({ body }) => body.ok && !body.data.replayed)]
    expect(answers.map(({ status }) => status)).toEqual(
      prompts.map(prompt => (prompt === winner ? 202 : 409)),
    )
    expect((await storedOf(runtime, userId)).runs).toHaveLength(1)
  })

  test('while the first is in flight: waits without a connection, then 409 with Retry-After', async () => {
    const { userId, repoId } = runtime.addUser()
    const fields = { repoId, prompt: 'x', harness: 'codex', createBranch: false } as RunPlan['fields']
    const plan = {
      ...{ userId, tokenId: null, requestId: '', key: 'held', requestHash: 'h', fields, rootDirectory: null },
      ...{ repo: { id: repoId, fullName: 'a/b' }, baseBranch: 'm', workingBranch: 'm' },
    }
    const deps = { database: runtime.database, now: () => new Date() }
    const [held, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const holder = runtime.sql.begin(async tx => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${`run-key:${userId}:held`}, 0))`
      held.resolve()
      await over.promise
    })
    await held.promise
    await expect(acceptRun(deps, plan, 200)).rejects.toMatchObject({
      code: 'CONFLICT',
      retryAfterSeconds: 1,
    })
    const waiters = Array.from({ length: 30 }, () => acceptRun(deps, plan, 50_000))
    // More wait than there are connections, and a stranger still gets in.
    const stranger = runtime.addUser()
    expect((await start(stranger.userId, { repoId: stranger.repoId, prompt: 'x' })).status).toBe(202)
    over.resolve()
    await holder
    const kinds = (await Promise.all(waiters)).map(({ kind }) => kind)
    expect(kinds.filter(kind => kind === 'accepted')).toHaveLength(1)
  })
})
