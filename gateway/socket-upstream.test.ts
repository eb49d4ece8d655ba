/** Services that are reached by sockets in the file system, as with the launcher. */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { useGateway } from './test-bench/gateway.ts'

setDefaultTimeout(120_000)

const BODY = 'x'.repeat(9_000)

test('requests with bodies, and readiness, go by the socket; a service that comes back is found again', async () => {
  const path = join(temporaryDirectory('gateway'), 'service.sock')
  const serve = () =>
    Bun.serve({
      unix: path,
      fetch: async request => {
        if (new URL(request.url).pathname === '/readyz') return new Response()
        return Response.json({ host: request.headers.get('host'), bytes: (await request.text()).length })
      },
    })
  let service = serve()
  await using gateway = await useGateway({ upstreamUrl: `unix:${path}` })
  const ask = async () => {
    const headers = { authorization: `Bearer ${gateway.newPat()}`, 'content-type': 'application/json' }
    const response = await fetch(`${gateway.url}/api/repos`, {
      method: 'POST',
      headers,
      body: BODY,
    })
    return { status: response.status, body: response.status === 200 ? await response.json() : null }
  }
  expect(await ask()).toEqual({ status: 200, body: { host: 'localhost', bytes: 9_000 } })
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
  await service.stop(true)
  expect((await ask()).status).toBe(503)
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(503)
  service = serve()
  expect((await ask()).status).toBe(200)
  await service.stop(true)
})
