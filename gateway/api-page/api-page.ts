/**
 * The API as programs and as people read it: `/openapi.json` and `/docs`. Both are made of the route table,
 * when somebody first asks, and kept; neither fetches anything from elsewhere.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeApi } from '@mogplex/proto/openapi/document.ts'
import { ROUTES } from '@mogplex/proto/routes.ts'
import { renderApiPage } from './page.ts'

const stylesheet = readFileSync(join(import.meta.dir, 'api-page.css'), 'utf8')

export const API_STYLESHEET_ROUTE = '/assets/api-page.css'
const STYLESHEET_PATH = `${API_STYLESHEET_ROUTE}?v=${Bun.hash(stylesheet).toString(36)}`

type Answer = (request: { headers: Pick<Headers, 'get'> }) => Response

/** `origin` is where the instance is reached. */
export function createApiPage(origin: string): Record<'openapi' | 'docs' | 'docsStylesheet', Answer> {
  const document = once(() => describeApi(ROUTES, origin))
  return {
    openapi: keeping('application/json; charset=utf-8', () => JSON.stringify(document())),
    docs: keeping('text/html; charset=utf-8', () => renderApiPage(document(), STYLESHEET_PATH).text),
    docsStylesheet: () =>
      new Response(stylesheet, {
        headers: {
          'content-type': 'text/css; charset=utf-8',
          'cache-control': 'public, max-age=31536000, immutable',
        },
      }),
  }
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | null = null
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

/** Answers with what `make` made the first time, and with 304 to whoever has it already. */
function keeping(contentType: string, make: () => string): Answer {
  const kept = once(() => {
    const text = make()
    return { text, etag: `"${Bun.hash(text).toString(36)}"` }
  })
  return request => {
    const { text, etag } = kept()
    const headers = { etag, 'cache-control': 'public, max-age=300' }
    const known = request.headers.get('if-none-match')?.split(',') ?? []
    if (known.some(tag => tag.trim().replace(/^W\//, '') === etag))
      return new Response(null, { status: 304, headers })
    return new Response(text, { headers: { ...headers, 'content-type': contentType } })
  }
}
