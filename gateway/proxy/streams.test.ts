/** Event streams, time limits and clients that leave (gateway spec 1, step 12; 4, "SSE"). */
import { afterAll, expect, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { useGateway } from '../test-bench/gateway.ts'

const STREAM_PATH = '/api/v1/mogplex/runs/r/events'

let open = 0
/** Writes an event every `everyMs`, `count` times, then ends, or is silent for ever when `thenHang`. */
function events(everyMs: number, count: number, thenHang: boolean): Response {
  open += 1
  let sent = 0
  const stream = new ReadableStream<string>({
    pull: async controller => {
      if (sent === count && thenHang) return new Promise(() => undefined)
      if (sent === count) {
        open -= 1
        return controller.close()
      }
      if (sent > 0) await Bun.sleep(everyMs)
      sent += 1
      controller.enqueue(`id: ${sent}\n\n`)
    },
    cancel: () => {
      open -= 1
    },
  })
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } })
}

const bench = await useGateway({
  settings: { UPSTREAM_TIMEOUT_MS: '2000', STREAM_IDLE_TIMEOUT_MS: '2500' },
  upstream: request => {
    const query = new URL(request.url).searchParams
    return events(Number(query.get('every')), Number(query.get('count')), query.has('hang'))
  },
})
afterAll(() => bench[Symbol.asyncDispose]())

const authorization = `Bearer ${bench.newPat()}`
const stream = (query: string, init: RequestInit = {}, path = STREAM_PATH) =>
  fetch(`${bench.url}${path}?${query}`, { headers: { authorization }, ...init })

test('an event is there although the stream never ends', async () => {
  const response = await stream('every=1&count=1&hang')
  const reader = response.body?.getReader()
  const first = await reader?.read()
  expect(new TextDecoder().decode(first?.value)).toBe('id: 1\n\n')
  await reader?.cancel()
})

test('a stream may last longer than any other answer, as long as it speaks', async () => {
  const text = await (await stream('every=300&count=9')).text()
  expect(text.match(/id: /g)).toHaveLength(9)
})

test('a stream that falls silent is broken off, and its service let go', async () => {
  const response = await stream('every=1&count=2&hang')
  await expect(response.text()).rejects.toThrow()
  expect(await waitUntil(() => open === 0, { limitMs: 20_000 })).toBe(true)
})

test('an answer that is no stream must be whole in time', async () => {
  const response = await stream('every=300&count=12', {}, '/api/repos')
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow()
  expect(await waitUntil(() => open === 0, { limitMs: 20_000 })).toBe(true)
})

test('when the client leaves, the service is told at once', async () => {
  const controller = new AbortController()
  const response = await stream('every=50&count=1000', { signal: controller.signal })
  const reader = response.body?.getReader()
  await reader?.read()
  expect(open).toBe(1)
  controller.abort()
  await reader?.read().catch(() => undefined)
  expect(await waitUntil(() => open === 0, { limitMs: 20_000, everyMs: 10 })).toBe(true)
})

test('clients that leave leave no memory behind', async () => {
  const leave = async () => {
    const controller = new AbortController()
    const response = await stream('every=1&count=100000', { signal: controller.signal })
    await response.body?.getReader().read()
    controller.abort()
  }
  const rounds = async (count: number) => {
    for (let round = 0; round < count; round += 1) await Promise.all(Array.from({ length: 20 }, leave))
    await waitUntil(() => open === 0, { limitMs: 20_000 })
    Bun.gc(true)
    return process.memoryUsage.rss()
  }
  const before = await rounds(10)
  const after = await rounds(25)
  expect(open).toBe(0)
  expect(after - before).toBeLessThan(60 * 1_048_576)
}, 120_000)

test('the access log has one line for a stream, written when it ends', async () => {
  const lines = () => bench.accessLog().filter(line => line.rid === 'stream-of-the-test')
  const response = await stream('every=100&count=4', {
    headers: { authorization, 'x-request-id': 'stream-of-the-test' },
  })
  const reader = response.body?.getReader()
  await reader?.read()
  expect(lines()).toEqual([])
  while (!(await reader?.read())?.done);
  expect(await waitUntil(() => lines().length === 1, { limitMs: 20_000 })).toBe(true)
  expect(lines()[0]).toMatchObject({ route: '/api/v1/mogplex/runs/:runId/events', status: 200, amr: 'pat' })
})
