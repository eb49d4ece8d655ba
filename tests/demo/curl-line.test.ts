import { afterAll, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import { curlLine, type DemoRequest, headersOf } from './curl-line.ts'

const seen: { method: string; path: string; headers: Headers; body: string }[] = []
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: async request => {
    const { pathname: path } = new URL(request.url)
    seen.push({ method: request.method, path, headers: request.headers, body: await request.text() })
    return new Response('answered')
  },
})
afterAll(() => server.stop(true))

const requests: DemoRequest[] = [
  { method: 'GET', path: '/plain', as: 'token' },
  { method: 'GET', path: '/stream', as: 'token', headers: { accept: 'text/event-stream' } },
  { method: 'POST', path: '/bare', as: 'token' },
  {
    method: 'POST',
    path: '/quotes',
    as: 'token',
    json: { prompt: `It's "so": $HOME \\n\n\`ls\` ${'long '.repeat(40)}` },
    headers: { 'idempotency-key': "it's mine" },
  },
  { method: 'PUT', path: '/keys', as: 'cookie', json: { provider: 'openai' } },
]

test.each(requests)('the printed line sends what is sent: $method $path', async request => {
  seen.length = 0
  const shell = Bun.spawn(['sh', '-c', curlLine(request)], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH ?? '', URL: server.url.origin, TOKEN: 'mog_secret', NO_PROXY: '127.0.0.1' },
    stdout: 'pipe',
  })
  expect(await new Response(shell.stdout).text()).toBe('answered')
  const [got] = seen
  expect([got?.method, got?.path]).toEqual([request.method, request.path])
  expect(got?.body).toBe(request.json ? JSON.stringify(request.json) : '')
  expect(got?.headers.get('authorization')).toBe(request.as === 'token' ? 'Bearer mog_secret' : null)
  for (const [name, value] of Object.entries(headersOf(request))) expect(got?.headers.get(name)).toBe(value)
})

test('shows no more than the beginning of a secret', () => {
  const json = { provider: 'openai', key: 'sk-0123456789' }
  const line = curlLine({ method: 'PUT', path: '/keys', as: 'cookie', json }, [json.key])
  expect(line).toContain('"key":"sk-0123…"')
  expect(line).not.toContain('456789')
})
