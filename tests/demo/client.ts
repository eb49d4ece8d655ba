/** The demo's caller: prints each request as it would be typed, then sends it. */
import type { RunEvent } from '../system/runs.ts'
import { curlLine, type DemoRequest, headersOf } from './curl-line.ts'
import type { Printer } from './printer.ts'

/** Enough to fetch an agent's command line on a slow line. */
const STREAM_LIMIT_MS = 300_000
const REQUEST_LIMIT_MS = 30_000

export interface Client {
  /** Throws with the answer unless it is a 2xx. `secrets` are shown shortened. */
  ask: <Body>(request: DemoRequest, secrets?: readonly string[]) => Promise<Body>
  /** The events of a live stream as they come, until it ends. */
  watch: (path: string) => AsyncGenerator<RunEvent>
  /** From now on the caller has this token. */
  useToken: (token: string) => void
}

export function createClient(baseUrl: string, printer: Printer): Client {
  const credentials = { cookie: '', token: '' }

  async function send(request: DemoRequest, limitMs: number): Promise<Response> {
    const { method, path, as, json } = request
    const response = await fetch(baseUrl + path, {
      method,
      signal: AbortSignal.timeout(limitMs),
      headers: {
        ...(as === 'cookie' ? { cookie: credentials.cookie } : {}),
        ...(as === 'token' ? { authorization: `Bearer ${credentials.token}` } : {}),
        ...headersOf(request),
      },
      ...(json ? { body: JSON.stringify(json) } : {}),
    })
    if (!response.ok)
      throw new Error(`${method} ${path} was answered with ${response.status}: ${await response.text()}`)
    if (as === 'new-cookie')
      credentials.cookie = (response.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    return response
  }

  return {
    useToken: token => {
      credentials.token = token
    },
    ask: async (request, secrets = []) => {
      printer.typed(curlLine(request, secrets))
      return (await send(request, REQUEST_LIMIT_MS)).json()
    },
    watch: async function* (path) {
      const headers = { accept: 'text/event-stream' }
      const request: DemoRequest = { method: 'GET', path, as: 'token', headers }
      printer.typed(curlLine(request))
      const { body } = await send(request, STREAM_LIMIT_MS)
      if (body) yield* eventsOf(body)
    },
  }
}

/** Of a `text/event-stream`; comments and ids are passed over. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<RunEvent> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const bytes of body) {
    const blocks = (text + decoder.decode(bytes, { stream: true })).split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined) yield JSON.parse(data)
    }
  }
}
