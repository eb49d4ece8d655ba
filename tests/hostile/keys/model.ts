/** The model of the instance under attack: the stand-in, with more before it that an agent could make use of. */
import { gzipSync } from 'node:zlib'
import { type ModelEndpoint, startModelEndpoint } from '../../model-endpoint/endpoint.ts'

export interface SeenRequest {
  path: string
  authorization: string | null
  apiKey: string | null
  cookie: string | null
  host: string | null
  body: string
}

export interface ReflectingModel {
  origin: string
  seen: SeenRequest[]
  stop(): Promise<unknown>
}

/** `/v1/reflect` repeats all headers, `/v1/redirect` points at the attacker; the rest is the stand-in's. */
export function startReflectingModel(key: string, attacker: string): ReflectingModel {
  const standIn: ModelEndpoint = startModelEndpoint({ requiredKey: key })
  const seen: SeenRequest[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch: async request => {
      const { pathname, search } = new URL(request.url)
      const header = (name: string) => request.headers.get(name)
      const body = await request.text()
      seen.push({
        path: pathname,
        authorization: header('authorization'),
        apiKey: header('x-api-key'),
        cookie: header('cookie'),
        host: header('host'),
        body,
      })
      const all = JSON.stringify([...request.headers])
      const headers = { 'x-reflected': all, 'set-cookie': `key=${key}` }
      if (pathname === '/v1/reflect') return new Response(`${all}\n${all}`, { headers })
      if (pathname === '/v1/reflect-gzip') {
        return new Response(gzipSync(all), { headers: { ...headers, 'content-encoding': 'gzip' } })
      }
      if (pathname === '/v1/redirect') return Response.redirect(`${attacker}/v1/redirect`, 307)
      const { method } = request
      const sent = { method, headers: request.headers, ...(method === 'POST' ? { body } : {}) }
      return fetch(standIn.url + pathname + search, sent)
    },
  })
  return {
    origin: `http://127.0.0.1:${server.port}`,
    seen,
    stop: async () => {
      await server.stop(true)
      await standIn.stop()
    },
  }
}
