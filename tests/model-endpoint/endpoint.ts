/**
 * A stand-in for a model provider: speaks the OpenAI Responses and the Anthropic Messages API to the real
 * agent CLIs, so that a run can be tried and tested without a key and without the internet. It runs one shell
 * command a conversation (see turn.ts) and knows nothing else.
 */
import { answerMessages, answerTokenCount } from './anthropic-messages.ts'
import { parseObject } from './json.ts'
import { answerResponses } from './openai-responses.ts'

export interface EndpointBehaviour {
  /** The only key that is let in (bearer or `x-api-key`); null: any, or none. */
  requiredKey: string | null
  /** Waits this long before each model turn, in milliseconds. */
  delayMs: number
  /** Every model turn is answered with 429. */
  isRateLimited: boolean
  /** So many messages more in the closing turn. */
  extraMessages: number
}

export interface RecordedRequest {
  method: string
  /** Without the query. */
  path: string
  hasKey: boolean
  body: string
}

export interface ModelEndpoint {
  /** `http://127.0.0.1:<port>`. */
  url: string
  /** For `OPENAI_BASE_URL`. */
  openaiBaseUrl: string
  /** For `ANTHROPIC_BASE_URL`. */
  anthropicBaseUrl: string
  /** Every request so far, oldest first. */
  requests: RecordedRequest[]
  /** Changes how the next requests are answered. */
  behave(change: Partial<EndpointBehaviour>): void
  stop(): Promise<void>
}

const MODELS = ['gpt-6.1-sol', 'gpt-5.5', 'claude-opus-5-5', 'claude-sonnet-5-5']

/** Listens on 127.0.0.1 only; `port` 0 or absent: a free one. */
export function startModelEndpoint(
  options: Partial<EndpointBehaviour> & { port?: number } = {},
): ModelEndpoint {
  const { port = 0, ...initial } = options
  const behaviour: EndpointBehaviour = {
    requiredKey: null,
    delayMs: 0,
    isRateLimited: false,
    extraMessages: 0,
    ...initial,
  }
  const requests: RecordedRequest[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    reusePort: false,
    idleTimeout: 0,
    fetch: async request => {
      const body = await request.text()
      const path = new URL(request.url).pathname
      const key = keyOf(request)
      requests.push({ method: request.method, path, hasKey: key !== null, body })
      return answer(request.method, path, key, body, behaviour)
    },
  })
  const url = `http://127.0.0.1:${server.port}`
  return {
    url,
    openaiBaseUrl: `${url}/v1`,
    anthropicBaseUrl: url,
    requests,
    behave: change => void Object.assign(behaviour, change),
    stop: () => server.stop(true),
  }
}

function keyOf(request: Request): string | null {
  const bearer = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')
  return bearer?.[1] ?? request.headers.get('x-api-key')
}

async function answer(
  method: string,
  path: string,
  key: string | null,
  text: string,
  behaviour: EndpointBehaviour,
): Promise<Response> {
  const route = path.replace(/^\/v1(?=\/)/, '')
  if (method === 'HEAD' || route === '/' || route === '/healthz') return new Response(null, { status: 200 })
  if (behaviour.requiredKey !== null && key !== behaviour.requiredKey) {
    return failure(401, 'authentication_error', 'Invalid API key')
  }
  if (method === 'GET' && route === '/models') return listModels()
  if (method === 'POST' && route === '/messages/count_tokens') return answerTokenCount({ text })
  const model = method === 'POST' ? MODEL_ROUTES[route] : undefined
  if (!model) return failure(404, 'not_found_error', `Nothing at ${method} ${path}`)
  const body = parseObject(text)
  if (!body) return failure(400, 'invalid_request_error', 'The body must be a JSON object')
  if (behaviour.isRateLimited) return failure(429, 'rate_limit_error', 'Rate limit reached')
  if (behaviour.delayMs > 0) await Bun.sleep(behaviour.delayMs)
  return model({ text, body, extraMessages: behaviour.extraMessages })
}

const MODEL_ROUTES: Record<string, typeof answerMessages> = {
  '/responses': answerResponses,
  '/messages': answerMessages,
}

/** Fits both APIs' readers: `id` is what either looks at. */
function listModels(): Response {
  const data = MODELS.map(id => ({
    id,
    object: 'model',
    type: 'model',
    display_name: id,
    created: 0,
    owned_by: 'stand-in',
  }))
  return Response.json({ object: 'list', data, has_more: false, first_id: MODELS[0], last_id: MODELS.at(-1) })
}

/** The header is what providers tell their own clients with; none of these failures mends itself. */
function failure(status: number, type: string, message: string): Response {
  return Response.json(
    { type: 'error', error: { type, message } },
    { status, headers: { 'x-should-retry': 'false' } },
  )
}
