/** The HTTP face every service has alike: errors, health, and the check against the route table. */
import { errorBody } from '@mogplex/proto/errors.ts'
import { routesOf } from '@mogplex/proto/routes.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import { Elysia } from 'elysia'
import { ApiError } from '../errors.ts'
import type { Log } from '../log.ts'
import { isPagePath, pageResponse, renderErrorPage } from '../pages/page.ts'

export interface ServiceAppOptions {
  name: ServiceName
  log: Log
  /** Whether what the service cannot work without (its database) answers now. */
  isReady: () => Promise<boolean>
}

/** Elysia's default for `reusePort` would let a second process share the port in silence. */
const LISTENING = { reusePort: false, idleTimeout: 120 }

/**
 * An Elysia app to which a service adds its features with `.use(…)`. Errors thrown anywhere become the
 * envelope of the path; an unexpected one is logged and told as a fixed text.
 */
export function createServiceApp({ name, log, isReady }: ServiceAppOptions) {
  return new Elysia({ name, normalize: false, serve: LISTENING })
    .onError({ as: 'global' }, ({ error, code, request, route }) => {
      const path = new URL(request.url).pathname
      if (error instanceof ApiError) {
        if (error.status >= 500) log.warn({ event: 'request.refused', route, err: error })
        return answer(path, error)
      }
      if (code === 'NOT_FOUND') return answer(path, new ApiError('NOT_FOUND', 'Not found'))
      log.error({ event: 'request.failed', route, method: request.method, err: error })
      return answer(path, new ApiError('INTERNAL_ERROR', 'Internal error'))
    })
    .get('/healthz', () => ({ status: 'ok' }))
    .get('/readyz', async () =>
      (await isReady()) ? { status: 'ok' } : Response.json({ status: 'unavailable' }, { status: 503 }),
    )
}

/** The HTTP answer of an error in the envelope of its path, or as a page; `Retry-After` included. */
function answer(path: string, error: ApiError): Response {
  const response = isPagePath(path)
    ? pageResponse(renderErrorPage(error.status, error.message), { status: error.status })
    : Response.json(errorBody(path, error.code, error.message, error.details), { status: error.status })
  response.headers.set('cache-control', 'no-store')
  if (error.retryAfterSeconds !== undefined)
    response.headers.set('retry-after', String(error.retryAfterSeconds))
  return response
}

/**
 * Throws when the routes registered on `app` are not exactly the service's rows of the route table (design,
 * "A request"): a route nobody may reach, or a row nobody serves, must stop the start.
 */
export function assertRoutesMatchTable(
  name: ServiceName,
  app: { routes: { method: string; path: string }[] },
): void {
  const own = new Set(['GET /healthz', 'GET /readyz'])
  const registered = new Set(
    app.routes.map(route => `${route.method} ${route.path}`).filter(route => !own.has(route)),
  )
  const expected = new Set(routesOf(name).map(route => `${route.method} ${route.path}`))
  const extra = [...registered].filter(route => !expected.has(route) && !route.includes('/rpc/'))
  const missing = [...expected].filter(route => !registered.has(route))
  if (extra.length + missing.length === 0) return
  throw new Error(
    `${name}: routes differ from the route table; not in the table: [${extra.join(', ')}]; not served: [${missing.join(', ')}]`,
  )
}
