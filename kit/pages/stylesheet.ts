/** The one stylesheet of all pages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const text = readFileSync(join(import.meta.dir, 'stylesheet.css'), 'utf8')

/** Where the gateway serves it. */
export const STYLESHEET_ROUTE = '/assets/mogplex.css'
/** The same with its version, so that it can be kept for good. */
export const STYLESHEET_PATH = `${STYLESHEET_ROUTE}?v=${Bun.hash(text).toString(36)}`

const headers = {
  'content-type': 'text/css; charset=utf-8',
  'cache-control': 'public, max-age=31536000, immutable',
  'x-content-type-options': 'nosniff',
}

/** The answer to {@link STYLESHEET_ROUTE}. */
export function answerStylesheet(): Response {
  return new Response(text, { headers })
}
