import { afterAll, beforeAll, expect, test } from 'bun:test'
import { IDENTITY_HEADER } from '@mogplex/proto/caller.ts'
import { ask } from '@mogplex/proto/contract.ts'
import { GATEWAY_ISSUER, type Issuer } from '@mogplex/proto/services.ts'
import { headers as natsHeaders } from '@nats-io/transport-node'
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { createAssertionVerifier } from '../assertion/verifier.ts'
import { ApiError, notFound } from '../errors.ts'
import { createLog } from '../log.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { createTestIssuers, type TestIssuers } from '../test-bench/issuers.ts'
import { type TestNats, useNats } from '../test-bench/nats.ts'
import { answer, serveAnswers } from './answer.ts'
import { type Asker, createAsker } from './ask.ts'
import { type Bus, openBus } from './connect.ts'

const greet = ask('rpc.identity.test.greet', {
  callers: [GATEWAY_ISSUER],
  request: Type.Object({ name: Type.String() }),
  reply: Type.Object({ text: Type.String() }),
  deadlineMs: 10_000,
})
const dawdle = ask('rpc.identity.test.dawdle', {
  callers: [GATEWAY_ISSUER],
  request: Type.Object({}),
  reply: Type.Object({}),
  deadlineMs: 300,
})
const log = createLog({ process: 'test', level: 'silent' })
let nats: TestNats
let issuers: TestIssuers
let app: Elysia
let url: string
const buses: Bus[] = []
const seen: string[] = []

beforeAll(async () => {
  nats = await useNats()
  issuers = await createTestIssuers()
  const keys = JSON.parse(issuers.environmentOf('identity').ASSERTION_PUBLIC_KEYS)
  const verify = createAssertionVerifier({
    audience: 'identity',
    issuers: [GATEWAY_ISSUER, 'runtime'],
    publicKeys: keys,
  })
  const bus = open('identity')
  const answers = [
    answer(greet, async ({ name }, { requestId }) => {
      seen.push(requestId)
      if (name === 'nobody') throw notFound('Nobody is here')
      if (name === 'bug') throw new TypeError('secret detail')
      return { text: `hello ${name}` }
    }),
    answer(dawdle, async () => {
      await Bun.sleep(1_000)
      return {}
    }),
  ]
  app = new Elysia()
    .use(serveAnswers({ bus, verify, log, answers }))
    .listen({ port: 0, hostname: '127.0.0.1' })
  url = `http://127.0.0.1:${app.server?.port}`
  expect(await waitUntil(() => bus.connection() !== null, { limitMs: 20_000 })).toBe(true)
})

afterAll(async () => {
  await Promise.all(buses.map(bus => bus.close()))
  await app.stop(true)
})

function open(serviceName: Issuer): Bus {
  const bus = openBus({ url: nats.url, serviceName, log })
  buses.push(bus)
  return bus
}

async function askerOf(issuer: Issuer, options: { http?: string } = {}): Promise<{ ask: Asker; bus: Bus }> {
  const bus = open(issuer)
  expect(await waitUntil(() => bus.connection() !== null, { limitMs: 20_000 })).toBe(true)
  const urls = { identity: options.http ?? 'http://127.0.0.1:1', projects: '', runtime: '' }
  return { ask: createAsker({ bus, sign: await issuers.signAs(issuer), urls }), bus }
}

async function refusal(question: Promise<unknown>): Promise<ApiError> {
  const error = await question.catch((thrown: unknown) => thrown)
  if (error instanceof ApiError) return error
  throw new Error('not refused', { cause: error })
}

test('a question is answered by NATS, with the request id carried on', async () => {
  const { ask } = await askerOf(GATEWAY_ISSUER)
  expect(await ask(greet, { name: 'ada' }, { requestId: 'request-1' })).toEqual({ text: 'hello ada' })
  expect(seen).toContain('request-1')
})

test('the error the owner threw arrives with its code; a bug tells nothing', async () => {
  const { ask } = await askerOf(GATEWAY_ISSUER)
  const missing = await refusal(ask(greet, { name: 'nobody' }))
  expect([missing.code, missing.message]).toEqual(['NOT_FOUND', 'Nobody is here'])
  const bug = await refusal(ask(greet, { name: 'bug' }))
  expect([bug.code, bug.message]).toEqual(['INTERNAL_ERROR', 'Internal error'])
})

test('403 for a process that is not among the callers', async () => {
  const { ask } = await askerOf('runtime')
  expect((await refusal(ask(greet, { name: 'ada' }))).code).toBe('FORBIDDEN')
})

test('an answer goes to the inbox of whoever signed the question, and nowhere else', async () => {
  const { bus } = await askerOf(GATEWAY_ISSUER)
  const assertion = await (await issuers.signAs(GATEWAY_ISSUER))('identity', { amr: 'service', scp: [] })
  const connection = bus.connection()
  if (!connection) throw new Error('not connected')
  const answers: string[] = []
  const ask = async (reply: string) => {
    const subscription = connection.subscribe(reply, {
      callback: (_, message) => void answers.push(`${message.subject} ${message.string()}`),
    })
    const headers = natsHeaders()
    headers.set(IDENTITY_HEADER, assertion)
    connection.publish(greet.subject, JSON.stringify({ name: 'ada' }), { reply, headers })
    await connection.flush()
    return subscription
  }
  for (const foreign of ['evt.identity.user.disabled', 'gateway-lease.drop.x', '_INBOX_other.x', '_INBOX.x'])
    await ask(foreign)
  await ask('_INBOX_runtime.x')
  await ask('_INBOX_mogplex-gateway.own')
  await waitUntil(() => answers.length >= 2, { limitMs: 20_000 })
  expect(answers.toSorted()).toEqual([
    '_INBOX_mogplex-gateway.own {"ok":true,"data":{"text":"hello ada"}}',
    expect.stringMatching(/^_INBOX_runtime.x .*"code":"FORBIDDEN"/),
  ])
})

test('503 with Retry-After when the owner takes longer than the deadline', async () => {
  const { ask } = await askerOf(GATEWAY_ISSUER)
  const late = await refusal(ask(dawdle, {}))
  expect([late.code, late.retryAfterSeconds]).toEqual(['SERVICE_UNAVAILABLE', 5])
})

test('401 without an assertion, straight at the HTTP door', async () => {
  const response = await fetch(`${url}/rpc/${greet.subject}`, { method: 'POST', body: '{"name":"ada"}' })
  expect(await response.json()).toMatchObject({ ok: false, code: 'UNAUTHORIZED' })
})

test('while NATS is away the same question goes by HTTP, and by NATS again afterwards', async () => {
  const { ask, bus } = await askerOf(GATEWAY_ISSUER, { http: url })
  await nats.stop()
  expect(await waitUntil(() => bus.connection() === null, { limitMs: 20_000 })).toBe(true)
  expect(await ask(greet, { name: 'ada' })).toEqual({ text: 'hello ada' })
  const missing = await refusal(ask(greet, { name: 'nobody' }))
  expect(missing.code).toBe('NOT_FOUND')
  await nats.start()
  expect(await waitUntil(() => buses.every(each => each.connection() !== null), { limitMs: 20_000 })).toBe(
    true,
  )
  const { ask: natsOnly } = await askerOf(GATEWAY_ISSUER)
  expect(await natsOnly(greet, { name: 'again' })).toEqual({ text: 'hello again' })
})

test('503 when neither NATS nor HTTP reaches the owner', async () => {
  const { ask, bus } = await askerOf(GATEWAY_ISSUER)
  await nats.stop()
  expect(await waitUntil(() => bus.connection() === null, { limitMs: 20_000 })).toBe(true)
  expect((await refusal(ask(greet, { name: 'ada' }))).code).toBe('SERVICE_UNAVAILABLE')
  await nats.start()
})
