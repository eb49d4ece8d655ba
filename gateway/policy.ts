/** Steps 9 and 10 of the pipeline: is this caller welcome on this row (gateway spec 3, 5). */
import { ApiError, notFound } from '@mogplex/kit/errors.ts'
import { isV1Path } from '@mogplex/proto/errors.ts'
import type { Route, RouteClass } from '@mogplex/proto/routes.ts'
import { type Caller, scopesOf } from './callers/caller.ts'
import { unauthorized } from './callers/resolve.ts'

type Welcome = 'served' | 401 | 403 | 404
type Doors = Record<Caller['mode'], Welcome>

/** A caller of each mode on a row of each class. A session never counts on v1: it is no credential there. */
const WELCOME: Record<RouteClass, Doors> = {
  generic: { ...everybody(401), pat: 'served', test: 'served', session: 'served' },
  session: { ...everybody(401), pat: 403, test: 'served', session: 'served' },
  pat: { ...everybody(401), pat: 'served' },
  optional: { ...everybody(401), pat: 'served', test: 'served', session: 'served', anonymous: 'served' },
  public: everybody('served'),
  webhook: { ...everybody(401), webhook: 'served' },
  cron: { ...everybody(401), cron: 'served' },
  testonly: { ...everybody(401), test: 'served' },
  gone: everybody(404),
}

function everybody(welcome: Welcome): Doors {
  return {
    ...{ pat: welcome, test: welcome, session: welcome, anonymous: welcome },
    ...{ webhook: welcome, cron: welcome },
  }
}

/** Throws 401, 403 or 404 when the row's class does not accept callers of this mode. */
export function checkMode(row: Route, caller: Caller): void {
  const welcome = WELCOME[row.access][caller.mode]
  if (welcome === 401) throw unauthorized()
  if (welcome === 404) throw notFound()
  if (welcome === 403) throw new ApiError('FORBIDDEN', 'This route needs a signed-in session, not a token')
}

/** Throws 403 when a token lacks the row's scope. */
export function checkScope(row: Route, caller: Caller): void {
  if (caller.mode !== 'pat' || row.scope === null || scopesOf(caller).includes(row.scope)) return
  throw new ApiError('FORBIDDEN', missingScope(row))
}

function missingScope({ path, scope }: Route): string {
  if (isV1Path(path))
    return `Missing required scope: ${scope}. Issue a new token with the '${scope}' scope at /settings/api-keys.`
  return `This token lacks the ${scope} scope. Create one at /settings/api-keys.`
}
