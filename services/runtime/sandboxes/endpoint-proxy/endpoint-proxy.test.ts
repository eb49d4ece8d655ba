import { afterAll, afterEach, expect, test } from 'bun:test'
import { ask, exchange, KEY, openProxyBench } from './test-bench.ts'

const bench = openProxyBench()
const { proxyTo, serveRaw } = bench
const serve = (answer: (request: Request) => Response | Promise<Response>) =>
  `http://127.0.0.1:${bench.serve(answer)}`
afterEach(bench.closeAll)
afterAll(bench.remove)

test('the credential takes the place of whatever the client says of itself', async () => {
  const seen: Headers[] = []
  const base = serve(request => {
    seen.push(request.headers)
    return new Response('hello')
  })
  const headers = {
    authorization: 'Bearer placeholder',
    'x-api-key': 'placeholder',
    'api-key': 'x',
    cookie: 'a=1',
    'x-forwarded-for': '127.0.0.1',
    'accept-encoding': 'gzip',
    'anthropic-version': '2023-06-01',
  }
  const openai = await proxyTo(`${base}/v1`)
  expect(await (await ask(openai, '/v1/models', { headers })).text()).toBe('hello')
  const anthropic = await proxyTo(`${base}/v1`, { header: 'x-api-key', prefix: '', secret: KEY })
  await ask(anthropic, '/v1/models', { headers })
  await ask(await proxyTo(`${base}/v1`, null), '/v1/models', { headers })
  const saying = ['authorization', 'x-api-key', 'api-key', 'cookie', 'x-forwarded-for']
  const said = seen.map(each => saying.map(name => each.get(name)))
  expect(said).toEqual([
    [`Bearer ${KEY}`, null, null, null, null],
    [null, KEY, null, null, null],
    [null, null, null, null, null],
  ])
  expect(seen[0]?.get('host')).toBe(new URL(base).host)
  expect(seen[0]?.get('anthropic-version')).toBe('2023-06-01')
  expect(seen[0]?.get('accept-encoding')).toBe('identity')
})

test('path, query, status, body and length pass unchanged', async () => {
  const base = serve(async request => {
    const { pathname, search } = new URL(request.url)
    const told = { pathname, search, length: request.headers.get('content-length') }
    return Response.json({ ...told, body: await request.text() }, { status: 418, headers: { 'x-id': '7' } })
  })
  const place = await proxyTo(`${base}/api/v1/`)
  const answer = await ask(place, '/api/v1/responses?a=b%20c&d', { method: 'POST', body: 'question' })
  expect([answer.status, answer.headers.get('x-id')]).toEqual([418, '7'])
  expect(await answer.json()).toEqual({
    ...{ pathname: '/api/v1/responses', search: '?a=b%20c&d' },
    ...{ length: '8', body: 'question' },
  })
})

test('an answer arrives piece by piece, as it is sent, its head before the first', async () => {
  let more: (text: string) => void = () => undefined
  const base = await serveRaw(socket => {
    socket.once('data', () => {
      const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
      socket.write(head)
      more = text => void socket.write(`${text.length.toString(16)}\r\n${text}\r\n`)
    })
  })
  const answer = await ask(await proxyTo(base), '/responses', { method: 'POST', body: '{}' })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  const reader = answer.body?.getReader()
  for (const text of ['data: one\n\n', 'data: two\n\n']) {
    more(text)
    const { value } = (await reader?.read()) ?? {}
    expect(new TextDecoder().decode(value)).toBe(text)
  }
  more('')
  expect((await reader?.read())?.done).toBe(true)
})

test('the answer may begin before the question has ended, and a question is not kept back', async () => {
  const base = await serveRaw(socket =>
    socket.on('data', bytes => {
      if (!String(bytes).includes('first')) return
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly')
    }),
  )
  const { socketPath } = await proxyTo(base)
  const head = 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n'
  expect(await exchange(socketPath, `${head}first`)).toEndWith('early')
})

test('a redirect is handed on, not followed', async () => {
  const asked: string[] = []
  const base = serve(request => {
    asked.push(new URL(request.url).pathname)
    return Response.redirect('http://attacker.test/', 307)
  })
  const answer = await ask(await proxyTo(`${base}/v1`), '/v1/models')
  expect([answer.status, answer.headers.get('location')]).toEqual([307, 'http://attacker.test/'])
  expect(asked).toEqual(['/v1/models'])
})
