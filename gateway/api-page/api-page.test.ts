/** The API for programs and for people, as a client of the gateway sees it. */
import { afterAll, expect, test } from 'bun:test'
import { ROUTES } from '@mogplex/proto/routes.ts'
import { isDescribed } from '@mogplex/proto/wire/descriptions.ts'
import { PUBLIC_ORIGIN, useGateway } from '../test-bench/gateway.ts'

const bench = await useGateway()
afterAll(() => bench[Symbol.asyncDispose]())

const fetchPath = (path: string, headers: Record<string, string> = {}) => fetch(bench.url + path, { headers })

test('/openapi.json is public, names this instance and holds every route of the API', async () => {
  const response = await fetchPath('/openapi.json')
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'application/json; charset=utf-8',
  ])
  const document = await response.json()
  expect([document.openapi, document.servers]).toEqual(['3.1.0', [{ url: PUBLIC_ORIGIN }]])
  const paths = ROUTES.filter(isDescribed).map(({ path }) => path.replaceAll(/:(\w+)/g, '{$1}'))
  expect(Object.keys(document.paths).toSorted()).toEqual([...new Set(paths)].toSorted())
  expect(bench.reached).toEqual([])
})

test('whoever has it already is answered 304 without a body', async () => {
  for (const path of ['/openapi.json', '/docs']) {
    const first = await fetchPath(path)
    await first.text()
    const etag = first.headers.get('etag') ?? ''
    expect([etag.length > 4, first.headers.get('cache-control')]).toEqual([true, 'public, max-age=300'])
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await fetchPath(path, { 'if-none-match': known })
      expect([path, known, again.status, await again.text()]).toEqual([path, known, 304, ''])
    }
    expect((await fetchPath(path, { 'if-none-match': '"other"' })).status).toBe(200)
  }
})

test('/docs shows every operation and needs nothing from elsewhere', async () => {
  const response = await fetchPath('/docs')
  const page = await response.text()
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(response.headers.get('content-security-policy')).toStartWith("default-src 'none'")
  const { paths } = await (await fetchPath('/openapi.json')).json()
  for (const operations of Object.values<Record<string, { operationId: string }>>(paths))
    for (const { operationId } of Object.values(operations)) expect(page).toContain(`id="${operationId}"`)
  expect(page).not.toMatch(/<script|style="|(?:src|href)="(?:https?:)?\/\//)
})

test('every link of /docs leads somewhere on it, and its stylesheets are there', async () => {
  const page = await (await fetchPath('/docs')).text()
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
  const targets = [...page.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
  expect(targets.length).toBeGreaterThan(20)
  expect(targets.filter(id => !ids.has(id))).toEqual([])
  for (const [, path = ''] of page.matchAll(/rel="stylesheet" href="([^"]+)"/g)) {
    const { status, headers } = await fetchPath(path)
    expect([path, status, headers.get('content-type')]).toEqual([path, 200, 'text/css; charset=utf-8'])
  }
})
