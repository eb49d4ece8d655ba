/** Bodies of every size and framing, in both directions, in flat memory (gateway spec 1, step 3). */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { useGateway } from '../test-bench/gateway.ts'
import { sendRaw } from '../test-bench/raw-http.ts'

const MIB = 1_048_576
const CHUNK = new Uint8Array(64 * 1024).fill(120)

let produced = 0
/** Bytes as the reader asks for them; `produced` shows how far ahead of the client the gateway reads. */
function countedStream(total: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull: controller => {
      if (sent >= total) return controller.close()
      sent += CHUNK.byteLength
      produced = sent
      controller.enqueue(CHUNK)
    },
  })
}

const uploads: { sha: string; bytes: number; length: string | null; chunked: boolean }[] = []

const bench = await useGateway({
  upstream: async request => {
    const url = new URL(request.url)
    if (request.method === 'GET') return new Response(countedStream(Number(url.searchParams.get('bytes'))))
    const hasher = new Bun.CryptoHasher('sha256')
    let bytes = 0
    for await (const chunk of request.body ?? []) {
      hasher.update(chunk)
      bytes += chunk.byteLength
    }
    uploads.push({
      sha: hasher.digest('hex'),
      bytes,
      length: request.headers.get('content-length'),
      chunked: request.headers.has('transfer-encoding'),
    })
    return Response.json({ bytes })
  },
})
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  uploads.length = 0
  bench.reached.length = 0
})

const authorization = `Bearer ${bench.newPat()}`
const post = (body: BodyInit) =>
  fetch(`${bench.url}/api/repos`, { method: 'POST', headers: { authorization }, body })

function random(bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += 65_536)
    crypto.getRandomValues(data.subarray(at, Math.min(at + 65_536, bytes)))
  return data
}

const sha = (data: Uint8Array) => new Bun.CryptoHasher('sha256').update(data).digest('hex')

test.each([0, 1, 65_536, 65_537, 900_000, MIB])('an upload of %d bytes arrives as it is', async bytes => {
  const body = random(bytes)
  expect((await post(body)).status).toBe(200)
  expect(uploads[0]).toMatchObject({ sha: sha(body), bytes })
  if (bytes > 0) expect(uploads[0]?.length).toBe(String(bytes))
})

test('an upload of unknown length is passed on in chunks', async () => {
  const parts = [random(300_000), random(300_000)]
  const stream = new ReadableStream({
    pull: controller => {
      const part = parts.shift()
      if (part) controller.enqueue(part)
      else controller.close()
    },
  })
  const expected = sha(Buffer.concat(parts))
  expect((await post(stream)).status).toBe(200)
  expect(uploads[0]).toMatchObject({ sha: expected, bytes: 600_000, chunked: true })
})

test('a short upload of unknown length reaches the service when it is whole, with its length', async () => {
  const head = `POST /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\nTransfer-Encoding: chunked\r\n\r\n`
  const broken = await sendRaw(bench.port, `${head}3\r\nabc\r\nx\r\n`)
  expect([broken.status, bench.reached.length]).toEqual([400, 0])
  expect((await sendRaw(bench.port, `${head}3\r\nabc\r\n0\r\n\r\n`)).status).toBe(200)
  expect(uploads).toMatchObject([{ sha: sha(Buffer.from('abc')), length: '3', chunked: false }])
})

test('a declared body of one byte too much is 413 and reaches nobody', async () => {
  const response = await post(random(MIB + 1))
  expect([response.status, (await response.json()).code]).toEqual([413, 'BAD_REQUEST'])
  expect(bench.reached).toHaveLength(0)
})

test('a declared body that never comes is 413 at once, and the connection ends', async () => {
  const head = `POST /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\nContent-Length: 9999999\r\n\r\n`
  const answer = await sendRaw(bench.port, head, { untilClosed: true })
  expect(answer.status).toBe(413)
  expect(answer.isClosed).toBe(true)
})

test('a streamed body is 413 as soon as it is too large, and the service never sees it complete', async () => {
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  const head = `POST /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\nTransfer-Encoding: chunked\r\n\r\n`
  const answer = await sendRaw(bench.port, `${head}${chunk.repeat(17)}`, { untilClosed: true })
  expect(answer.status).toBe(413)
  expect(answer.text).toContain('"code":"BAD_REQUEST"')
  expect(answer.isClosed).toBe(true)
  expect(uploads).toHaveLength(0)
})

test('a client that stops in the middle of its body costs the service nothing', async () => {
  const head = `POST /api/repos HTTP/1.1\r\nHost: h\r\nAuthorization: ${authorization}\r\nContent-Length: 1000\r\n\r\nhalf`
  await sendRaw(bench.port, head, { limitMs: 200 })
  expect((await post('next')).status).toBe(200)
  expect(bench.reached).toHaveLength(1)
})

test('50 MB come through whole', async () => {
  const response = await fetch(`${bench.url}/api/repos?bytes=${50 * MIB}`, { headers: { authorization } })
  let bytes = 0
  for await (const chunk of response.body ?? []) bytes += chunk.byteLength
  expect(bytes).toBe(50 * MIB)
})

test('a client that does not read stops the service from sending: nothing piles up in between', async () => {
  produced = 0
  const response = await fetch(`${bench.url}/api/repos?bytes=${400 * MIB}`, { headers: { authorization } })
  const reader = response.body?.getReader()
  await reader?.read()
  // Once what is between them is full.
  let before = -1
  const stands = () => {
    const isSame = produced === before
    before = produced
    return isSame
  }
  expect(await waitUntil(stands, { limitMs: 20_000, everyMs: 300 })).toBe(true)
  expect(produced).toBeLessThan(60 * MIB)
  await reader?.cancel()
})
