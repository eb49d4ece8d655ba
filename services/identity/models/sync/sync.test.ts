/** Identity spec 8, "sync-models", against a feed that can break in every way. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { answerOf, type IdentityBench, startIdentity } from '../../test-bench.ts'

const PATH = '/api/cron/sync-models'
const MONTH_S = 30 * 86_400

let bench: IdentityBench
let answer: () => Response | Promise<Response>
const feed = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => answer() })
beforeAll(async () => {
  bench = await startIdentity({ MODEL_CATALOG_URL: `http://127.0.0.1:${feed.port}/models` })
})
afterAll(async () => {
  await bench.stop()
  await feed.stop(true)
})
beforeEach(async () => {
  await bench.sql`delete from identity.ai_models`
})

const model = (id: string, rest: object = {}) => ({
  id,
  name: `Model ${id}`,
  owned_by: id.split('/')[0],
  ...rest,
})
const serve = (...data: unknown[]) => {
  answer = () => Response.json({ data })
}
const sync = async (method = 'POST', call = bench.call) =>
  answerOf(await call(method, PATH, { as: { amr: 'cron' } }))
const rows = () => bench.sql`select * from identity.ai_models order by id`
const ids = async () => (await rows()).map(row => row.id)

test('the feed becomes the catalogue: fields, prices per token, what is kept', async () => {
  const now = Date.now() / 1_000
  serve(
    model('acme/full', {
      ...{
        type: 'language',
        tags: ['tool-use', 'vision'],
        context_window: 128_000,
        released: now - 8 * MONTH_S,
      },
      pricing: { input: '0.000003', output: '1.5e-5' },
    }),
    { id: 'acme/bare' },
    model('acme/odd-prices', { pricing: { input: '', output: 'free' }, context_window: 'many' }),
    model('acme/negative', { pricing: { input: '-1', output: 3 } }),
    model('acme/embedding', { type: 'embedding' }),
    model('acme/no-tools', { tags: ['vision'] }),
    model('acme/old', { released: now - 10 * MONTH_S }),
    model('acme/full', { name: 'again' }),
    ...[
      model('no-provider'),
      model('acme/a b'),
      null,
      'x',
      { name: 'no id' },
      model('acme/odd', { tags: 'tool-use' }),
    ],
  )
  expect(await sync('GET')).toEqual({ status: 200, body: { synced: 4, total_gateway: 14, recommended: 0 } })
  const [bare, full, negative, odd] = await rows()
  expect(full).toMatchObject({
    ...{ id: 'acme/full', provider: 'acme', name: 'Model acme/full', context_length: 128_000 },
    ...{ pricing_input: 0.000003, pricing_output: 0.000015, capabilities: ['tool-use', 'vision'] },
    ...{ is_available: true, is_hidden: false, is_recommended: false },
  })
  expect(bare).toMatchObject({ id: 'acme/bare', provider: 'acme', name: 'acme/bare', capabilities: null })
  expect([negative?.pricing_input, negative?.pricing_output]).toEqual([null, null])
  expect([odd?.pricing_input, odd?.pricing_output, odd?.context_length]).toEqual([null, null, null])
  const [event] = await bench.sql`select * from identity.outbox where subject = 'evt.identity.models.synced'`
  expect(event?.payload).toEqual({ synced: 4 })
})

test('an entry that no table can hold is left out; null says as much as nothing', async () => {
  serve(
    model('acme/\0', {}),
    model('acme/name', { name: 'a\0b' }),
    model('acme/tag', { tags: ['tool-use', '\0'] }),
    model('acme/half-\ud800'),
    model('acme/half-\udbff'),
    model('acme/nulls', { ...{ name: null, owned_by: null, type: null }, ...{ tags: null, released: null } }),
  )
  expect(await sync()).toEqual({ status: 200, body: { synced: 1, total_gateway: 6, recommended: 0 } })
  expect(await rows()).toMatchObject([{ id: 'acme/nulls', name: 'acme/nulls', capabilities: null }])
})

test('a feed of more models than one statement takes is kept whole', async () => {
  const models = Array.from({ length: 7_000 }, (_, index) => model(`acme/m${index}`))
  serve(...models)
  expect((await sync()).body.synced).toBe(7_000)
  serve(...models.slice(1))
  await sync()
  const gone = await bench.sql`select id from identity.ai_models where not is_available`
  expect([...gone]).toEqual([{ id: 'acme/m0' }])
})

test('what is gone is hidden and no longer recommended; what comes back is shown unless the operator hid it', async () => {
  serve(model('acme/a'), model('acme/b'), model('acme/c'))
  await sync()
  await bench.sql`update identity.ai_models set is_recommended = true, recommendation_bucket = 'open',
    recommendation_rank = 1, created_at = '2026-01-01' where id = 'acme/b'`
  await bench.sql`update identity.ai_models set is_hidden = true, hidden_by = 'operator' where id = 'acme/c'`
  serve(model('acme/a'))
  expect((await sync()).body.recommended).toBe(0)
  const [, b, c] = await rows()
  expect(b).toMatchObject({
    ...{ is_available: false, is_hidden: true, hidden_by: 'sync', is_recommended: false },
    ...{ recommendation_bucket: null, recommendation_rank: null },
  })
  expect(c).toMatchObject({ is_available: false, is_hidden: true, hidden_by: 'operator' })
  serve(model('acme/a'), model('acme/b', { name: 'new' }), model('acme/c'))
  await sync()
  const [, back, hidden] = await rows()
  expect(back).toMatchObject({ is_available: true, is_hidden: false, hidden_by: null, name: 'new' })
  expect(back?.created_at).toEqual(new Date('2026-01-01'))
  expect(hidden).toMatchObject({ is_available: true, is_hidden: true, hidden_by: 'operator' })
})

test('503 for a feed that is away, slow to be JSON, no list, or empty; the catalogue is untouched', async () => {
  serve(model('acme/a'))
  await sync()
  const before = await rows()
  const broken: (() => Response)[] = [
    () => new Response('no', { status: 500 }),
    () => new Response('<html>'),
    () => Response.json([]),
    () => Response.json({ data: {} }),
    () => Response.json({ data: [] }),
    () => Response.json({ data: [model('acme/x', { type: 'image' })] }),
    () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    () => new Response(`{"data":["${'x'.repeat(17 * 1024 * 1024)}"]}`),
  ]
  for (const each of broken) {
    answer = each
    const { status, body } = await sync()
    expect([each.toString(), status, body.code]).toEqual([each.toString(), 503, 'SERVICE_UNAVAILABLE'])
  }
  expect(await rows()).toEqual(before)
})

test('503 without a feed, which names the setting', async () => {
  const { call } = await bench.startReplica({ MODEL_CATALOG_URL: '' })
  const { status, body } = await sync('POST', call)
  expect([status, body.error]).toEqual([503, 'MODEL_CATALOG_URL is not set'])
})

test('syncs at the same time leave what one of them said, whole', async () => {
  let turn = 0
  answer = () => {
    turn += 1
    const side = turn % 2
    return Response.json({ data: Array.from({ length: 200 }, (_, index) => model(`side-${side}/m${index}`)) })
  }
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all([sync(), sync(), sync(), sync()])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const offered = await bench.sql`select distinct provider from identity.ai_models where is_available`
    expect(offered).toHaveLength(1)
  }
  expect((await ids()).length).toBe(400)
})
