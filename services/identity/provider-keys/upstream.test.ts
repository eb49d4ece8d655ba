import { afterAll, expect, test } from 'bun:test'
import { askProvider, checkCall } from './upstream.ts'

const BASES = {
  OPENAI_BASE_URL: 'https://openai.test/v1',
  ANTHROPIC_BASE_URL: 'https://anthropic.test',
  OPENROUTER_BASE_URL: 'https://openrouter.test/api/v1/',
  AI_GATEWAY_BASE_URL: 'https://gateway.test/v1',
}

test('each provider is asked where and as it wants', () => {
  const bearer = { authorization: 'Bearer k' }
  expect(checkCall('openai', 'k', BASES)).toEqual({ url: 'https://openai.test/v1/models', headers: bearer })
  expect(checkCall('ai_gateway', 'k', BASES)).toEqual({
    url: 'https://gateway.test/v1/models',
    headers: bearer,
  })
  expect(checkCall('openrouter', 'k', BASES)).toEqual({
    url: 'https://openrouter.test/api/v1/auth/key',
    headers: bearer,
  })
  const anthropic = {
    url: 'https://anthropic.test/v1/models',
    headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' },
  }
  expect(checkCall('anthropic', 'k', BASES)).toEqual(anthropic)
  const versioned = { ...BASES, ANTHROPIC_BASE_URL: 'https://anthropic.test/v1/' }
  expect(checkCall('anthropic', 'k', versioned)).toEqual(anthropic)
  expect(checkCall('ai_gateway', 'k', { ...BASES, AI_GATEWAY_BASE_URL: undefined })).toBeNull()
})

const upstream = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url)
    if (pathname === '/hang') await Bun.sleep(5_000)
    if (pathname === '/endless') {
      return new Response(new ReadableStream({ pull: stream => stream.enqueue(new Uint8Array(65_536)) }))
    }
    const status = Number(pathname.slice(1))
    const headers: Record<string, string> = status >= 300 && status < 400 ? { location: '/200' } : {}
    return new Response('sk-secret detail of the provider', { status, headers })
  },
})
const garbage = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    data: socket => {
      socket.end('this is not HTTP\r\n\r\n')
    },
  },
})
afterAll(() => {
  upstream.stop(true)
  garbage.stop(true)
})

const ask = (path: string, limitMs = 20_000) =>
  askProvider({ url: `http://127.0.0.1:${upstream.port}${path}`, headers: {} }, limitMs)

test('2xx and 429 are valid, whatever the body', async () => {
  for (const path of ['/200', '/204', '/429', '/endless'])
    expect([path, await ask(path)]).toEqual([path, { isValid: true, error: null }])
})

test('only 401 and 403 condemn a key', async () => {
  for (const path of ['/401', '/403'])
    expect([path, await ask(path)]).toEqual([path, { isValid: false, error: 'Invalid API key' }])
})

test('anything else is unknown: other statuses, redirects, silence, garbage, nobody there', async () => {
  const unknown = { isValid: null, error: expect.stringContaining('try again') }
  for (const path of ['/301', '/307', '/400', '/404', '/418', '/500', '/503'])
    expect([path, await ask(path)]).toEqual([path, unknown])
  expect(await ask('/hang', 100)).toEqual(unknown)
  const at = (port: number) => askProvider({ url: `http://127.0.0.1:${port}/`, headers: {} }, 20_000)
  expect(await at(garbage.port)).toEqual(unknown)
  expect(await at(1)).toEqual(unknown)
  const notAHeader = { authorization: 'Bearer ключ' }
  const call = { url: `http://127.0.0.1:${upstream.port}/200`, headers: notAHeader }
  expect(await askProvider(call, 20_000)).toEqual(unknown)
})
