import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { eq } from 'drizzle-orm'
import { agentRuns, aiCallEvents, aiCalls, limitEvents, outbox, sandboxes } from '../database/schema.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { acceptRun, type RunPlan } from './accept-run.ts'

const RUNS = '/api/v1/mogplex/runs'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(60_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

type Answer = { status: number; retryAfter: string | null; body: { ok: boolean; data: Run; error: Fault } }
type Run = Record<string, unknown> & { runId: string; replayed: boolean; branch: Record<string, unknown> }
type Fault = { code: string; message: string }

async function start(
  userId: string,
  json: unknown,
  key: string = newId(),
  by = runtime.call,
): Promise<Answer> {
  const headers = { 'idempotency-key': key }
  const response = await by('POST', RUNS, { as: { userId, amr: 'pat', keyId: newId() }, json, headers })
  const retryAfter = response.headers.get('retry-after')
  return { status: response.status, retryAfter, body: (await response.json()) as Answer['body'] }
}

async function storedOf(userId: string) {
  const { database } = runtime
  return {
    runs: await database.select().from(agentRuns).where(eq(agentRuns.userId, userId)),
    calls: await database.select().from(aiCalls).where(eq(aiCalls.userId, userId)),
    limits: await database.select().from(limitEvents).where(eq(limitEvents.userId, userId)),
    facts: await database.select().from(outbox).where(eq(outbox.userId, userId)),
  }
}

const NOTHING = { runs: [], calls: [], limits: [], facts: [] }

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
        eventsUrl: `${RUNS}/${body.data.runId}/events`,
        cancelUrl: `${RUNS}/${body.data.runId}/cancel`,
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        updatedAt: expect.any(String),
        error: null,
        delivery: null,
        usage: null,
        runtime: { provider: 'worker', runId: expect.any(String) },
        replayed: false,
      },
    } as never)
    const stored = await storedOf(userId)
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
    const read = await runtime.call('GET', `${RUNS}/${run?.id}`, { as: { userId } })
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
    const [run] = (await storedOf(userId)).runs
    expect(run?.prompt).toBe('修理 🛒 \u0001')
  })
})

describe('a refused request names the field and stores nothing', () => {
  const long = (length: number) => 'x'.repeat(length)
  const refName = (name: string) =>
    [
      ...['@', 'HEAD', '/a', 'a/', '-a', 'a.', 'a..b', 'a//b', 'a@{b', '.a', 'a/.b', 'a.lock', 'a.lock/b'],
      ...['a b', 'a~', 'a^', 'a:', 'a?', 'a*', 'a[', 'a\\', 'ä', 'a\0', long(201), 5, true, {}, []],
    ].map(value => [
      { [name]: value },
      name === 'baseBranch' ? 'Invalid base branch' : 'Invalid working branch',
    ])
  const opaque = (name: string, max: number) => [
    [{ [name]: long(max + 1) }, `${name} must be at most ${max} characters`],
    ...[5, false, {}, []].map(value => [{ [name]: value }, `${name} must be a string`]),
    [{ [name]: 'a\0' }, `${name}: must not contain a NUL character or half of a surrogate pair`],
  ]
  const cases = [
    ...[undefined, null, '', '  ', 5, true, {}, []].map(repoId => [{ repoId }, 'repoId is required']),
    ...[undefined, null, '', ' \n', 5, true, {}, []].map(prompt => [{ prompt }, 'Prompt is required']),
    [{ prompt: long(100_001) }, 'Prompt is too long'],
    [{ prompt: 'a\ud800' }, 'prompt: must not contain a NUL character or half of a surrogate pair'],
    [{ prompt: 'a\0b' }, 'prompt: must not contain a NUL character or half of a surrogate pair'],
    ...['echo', 'Codex', 'x', 5, true, {}, [], ['codex']].map(harness => [{ harness }, 'Invalid harness']),
    ...refName('baseBranch'),
    ...refName('workingBranch'),
    ...['true', 1, 0, {}, []].map(createBranch => [{ createBranch }, 'createBranch must be a boolean']),
    ...[
      '..',
      'a/../b',
      'apps/%2E%2e/x',
      'trailing/%2e',
      '.%2E',
      'a\\b',
      'a\0',
      'a\tb',
      long(1_025),
      5,
      true,
      {},
      [],
    ].map(rootDirectory => [{ rootDirectory }, 'Invalid root directory']),
    ...opaque('conversationId', 200),
    ...opaque('workspaceSessionId', 200),
    ...opaque('mode', 64),
    [
      { other: ['a', { b: '\0' }] },
      'other[1].b: must not contain a NUL character or half of a surrogate pair',
    ],
    [
      { createBranch: true, workingBranch: 'trunk' },
      'Working branch must differ from base branch when createBranch is true',
    ],
    [
      { createBranch: true, baseBranch: 'b', workingBranch: ' b ' },
      'Working branch must differ from base branch when createBranch is true',
    ],
  ] as [Record<string, unknown>, string][]

  test.each(cases)('%j: %s', async (fields, message) => {
    const { userId, repoId } = runtime.addUser()
    const { status, body } = await start(userId, { repoId, prompt: 'x', ...fields })
    expect({ status, body }).toEqual({
      status: 400,
      body: { ok: false, error: { code: 'BAD_REQUEST', message } },
    } as never)
    expect(await storedOf(userId)).toEqual(NOTHING)
  })

  test.each(['', 'x', '[]', 'null', '5', '"a"', '{"a":', '['.repeat(100_000)])('a body of %s', async body => {
    const { userId } = runtime.addUser()
    const headers = { 'idempotency-key': 'k', 'content-type': 'application/json' }
    const response = await runtime.call('POST', RUNS, { as: { userId }, body, headers })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { message: 'Invalid JSON body' } })
  })

  test.each([
    [undefined, 'Idempotency-Key is required'],
    ['  ', 'Idempotency-Key is required'],
    [long(201), 'Idempotency-Key exceeds maximum length of 200 characters'],
  ])('a key of %s, before the body is looked at', async (key, message) => {
    const { userId } = runtime.addUser()
    const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key }
    const response = await runtime.call('POST', RUNS, { as: { userId }, body: 'no json', headers })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ ok: false, error: { code: 'BAD_REQUEST', message } })
  })

  test('the longest that passes', async () => {
    const { userId, repoId } = runtime.addUser()
    const body = {
      repoId,
      prompt: '🛒'.repeat(100_000),
      baseBranch: long(200),
      rootDirectory: long(1_024),
      conversationId: long(200),
      workspaceSessionId: long(200),
      mode: long(64),
    }
    expect((await start(userId, body, long(200))).status).toBe(202)
  })

  test('a repo that is unknown, foreign or no id: 404, alike, before the state is looked at', async () => {
    const [own, other] = [
      runtime.addUser({ platformAccess: { ai: true, sandbox: false } }),
      runtime.addUser(),
    ]
    for (const repoId of [newId(), other.repoId, 'no-id', '%']) {
      const { status, body } = await start(own.userId, {
        repoId,
        prompt: 'x',
        createBranch: true,
        baseBranch: 'a',
        workingBranch: 'a',
      })
      expect(status).toBe(404)
      expect(body as unknown).toEqual({ ok: false, error: { code: 'NOT_FOUND', message: 'Repo not found' } })
    }
    expect(await storedOf(own.userId)).toEqual(NOTHING)
  })

  test.each([{ platformAccess: { ai: true, sandbox: false } }, { disabled: true }])(
    'an account that may not use sandboxes (%j): 403, no budget used',
    async user => {
      const { userId, repoId } = runtime.addUser(user)
      const { status, body } = await start(userId, { repoId, prompt: 'x' })
      expect([status, body.error.code]).toEqual([403, 'FORBIDDEN'])
      expect(await storedOf(userId)).toEqual(NOTHING)
    },
  )
})

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
    expect((await storedOf(userId)).limits).toHaveLength(1)
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
    expect((await storedOf(userId)).runs).toHaveLength(1)
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
      const { runs, calls, limits, facts } = await storedOf(userId)
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
    expect((await storedOf(userId)).runs).toHaveLength(1)
  })

  test('while the first is in flight: waits without a connection, then 409 with Retry-After', async () => {
    const { userId, repoId } = runtime.addUser()
    const fields = { repoId, prompt: 'x', harness: 'codex', createBranch: false } as RunPlan['fields']
    const plan = {
      ...{ userId, tokenId: null, requestId: '', key: 'held', requestHash: 'h', fields, rootDirectory: null },
      ...{ repo: { id: repoId, fullName: 'a/b' }, baseBranch: 'm', workingBranch: 'm' },
    }
    const deps = { database: runtime.database, now: () => new Date() }
    let release: () => void = () => undefined
    const held = new Promise<void>(resolve => {
      release = resolve
    })
    const holder = runtime.sql.begin(async tx => {
      await tx`select pg_advisory_xact_lock(hashtextextended(${`run-key:${userId}:held`}, 0))`
      await held
    })
    await Bun.sleep(50)
    await expect(acceptRun(deps, plan, 200)).rejects.toMatchObject({
      code: 'CONFLICT',
      retryAfterSeconds: 1,
    })
    const waiters = Array.from({ length: 30 }, () => acceptRun(deps, plan))
    // More wait than there are connections, and a stranger still gets in.
    const stranger = runtime.addUser()
    expect((await start(stranger.userId, { repoId: stranger.repoId, prompt: 'x' })).status).toBe(202)
    release()
    await holder
    const kinds = (await Promise.all(waiters)).map(({ kind }) => kind)
    expect(kinds.filter(kind => kind === 'accepted')).toHaveLength(1)
  })
})

describe('the budget', () => {
  const distinct = (userId: string, repoId: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, index) => start(userId, { repoId, prompt: `p${index}` })))

  test('20 different starts at once on a fresh user: exactly 10', async () => {
    const replica = await runtime.startReplica()
    for (let round = 0; round < 5; round += 1) {
      const { userId, repoId } = runtime.addUser()
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          start(userId, { repoId, prompt: `p${index}` }, newId(), index % 2 ? runtime.call : replica.call),
        ),
      )
      const denied = answers.filter(({ status }) => status === 429)
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(10)
      expect(denied).toHaveLength(10)
      for (const { body, retryAfter } of denied) {
        expect(body.error).toEqual({
          code: 'RATE_LIMITED',
          message: 'External Mogplex run rate limit exceeded',
        })
        expect(Number(retryAfter)).toBeWithin(50, 61)
      }
      const { runs, limits } = await storedOf(userId)
      expect(runs).toHaveLength(10)
      expect(limits.filter(row => row.reason === 'external_agent_run_minutely_rate_exceeded')).toHaveLength(
        10,
      )
    }
    await replica.stop()
  })

  test('replays and refusals cost nothing', async () => {
    const { userId, repoId } = runtime.addUser()
    const body = { repoId, prompt: 'x' }
    await start(userId, body, 'first')
    for (let index = 0; index < 12; index += 1) {
      await start(userId, body, 'first')
      await start(userId, { ...body, mode: 5 })
      await start(userId, { ...body, repoId: newId() })
    }
    expect((await distinct(userId, repoId, 9)).map(({ status }) => status)).toEqual(Array(9).fill(202))
    expect((await start(userId, body)).status).toBe(429)
    expect((await start(userId, body, 'first')).status).toBe(202)
  })

  test.each([
    { count: 10, ageSeconds: 59, retryAfter: '1', message: 'External Mogplex run rate limit exceeded' },
    { count: 10, ageSeconds: 60, retryAfter: null, message: null },
    { count: 30, ageSeconds: 3_000, retryAfter: '600', message: 'External Mogplex run rate limit exceeded' },
    { count: 30, ageSeconds: 3_600, retryAfter: null, message: null },
    {
      count: 150,
      ageSeconds: 80_000,
      retryAfter: '6400',
      message: 'Daily external Mogplex run quota exceeded',
    },
    { count: 150, ageSeconds: 86_400, retryAfter: null, message: null },
  ])('%j', async ({ count, ageSeconds, retryAfter, message }) => {
    const { userId, repoId } = runtime.addUser()
    // A tenth of a second older, so that the answer has the rest of the second to be made in.
    const createdAt = new Date(Date.now() - ageSeconds * 1_000 - 100)
    const row = { userId, routeKey: 'external_agent_run', reason: null, createdAt }
    // What was refused, or belongs to another budget, does not count.
    const others = [
      { ...row, id: newId(), decision: 'denied' as const },
      { ...row, id: newId(), routeKey: 'chat', decision: 'allowed' as const },
    ]
    const counted = Array.from({ length: count }, () => ({
      ...row,
      id: newId(),
      decision: 'allowed' as const,
    }))
    await runtime.database.insert(limitEvents).values([...others, ...counted])
    const answer = await start(userId, { repoId, prompt: 'x' })
    expect(answer.status).toBe(message ? 429 : 202)
    expect(answer.retryAfter).toBe(retryAfter)
    if (message) expect(answer.body.error.message).toBe(message)
  })

  test('a store that fails: 503, nothing is started', async () => {
    const { userId, repoId } = runtime.addUser()
    await runtime.sql`alter table runtime.limit_events rename to away`
    const { status, body, retryAfter } = await start(userId, { repoId, prompt: 'x' })
    await runtime.sql`alter table runtime.away rename to limit_events`
    expect([status, retryAfter, body.error]).toEqual([
      503,
      '60',
      { code: 'SERVICE_UNAVAILABLE', message: 'External Mogplex run rate limit unavailable' },
    ])
    expect(await storedOf(userId)).toEqual(NOTHING)
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
      const response = await runtime.call(method, `${RUNS}/${encodeURIComponent(id)}${path}`, { as: own })
      expect(response.status).toBe(404)
      expect(await response.json()).toEqual({
        ok: false,
        error: { code: 'NOT_FOUND', message: 'Run not found' },
      })
    }
  }
})
