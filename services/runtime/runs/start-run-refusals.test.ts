import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { newId } from '@mogplex/kit/ids.ts'
import { type HttpRuntime, useHttpRuntime } from '../test-bench/http-runtime.ts'
import { NOTHING_STORED, RUNS_PATH, type RunRequest, startRunAs, storedOf } from '../test-bench/run-client.ts'

// bunfig.toml cannot set it, and a helper only for the first file that imports it.
setDefaultTimeout(120_000)

let runtime: HttpRuntime
beforeAll(async () => {
  runtime = await useHttpRuntime()
})
afterAll(() => runtime.close())

const start = (...request: RunRequest) => startRunAs(runtime, ...request)

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
    ...['keep', '', 'Resume', 5, true, {}, []].map(leftovers => [
      { leftovers },
      'leftovers must be "aside" or "resume"',
    ]),
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
    expect(await storedOf(runtime, userId)).toEqual(NOTHING_STORED)
  })

  test.each(['', 'x', '[]', 'null', '5', '"a"', '{"a":', '['.repeat(100_000)])('a body of %s', async body => {
    const { userId } = runtime.addUser()
    const headers = { 'idempotency-key': 'k', 'content-type': 'application/json' }
    const response = await runtime.call('POST', RUNS_PATH, { as: { userId }, body, headers })
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
    const response = await runtime.call('POST', RUNS_PATH, { as: { userId }, body: 'no json', headers })
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
    expect(await storedOf(runtime, own.userId)).toEqual(NOTHING_STORED)
  })

  test.each([{ platformAccess: { ai: true, sandbox: false } }, { disabled: true }])(
    'an account that may not use sandboxes (%j): 403, no budget used',
    async user => {
      const { userId, repoId } = runtime.addUser(user)
      const { status, body } = await start(userId, { repoId, prompt: 'x' })
      expect([status, body.error.code]).toEqual([403, 'FORBIDDEN'])
      expect(await storedOf(runtime, userId)).toEqual(NOTHING_STORED)
    },
  )
})
