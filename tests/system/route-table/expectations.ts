/** What the spec says each kind of caller gets on each class of route (gateway spec 2, 3, 5, 7). */
import type { Route } from '@mogplex/proto/routes.ts'
import type { Example } from './examples.ts'
import type { Caller, Standing } from './people.ts'

/** The status of the answer to `caller`, who sends the example with ids of the owner's. */
export function expectedStatus(row: Route, example: Example, caller: Standing): number {
  const refusal = refusalFor(row, caller)
  if (refusal !== null) return refusal
  return example.names && caller.who === 'stranger' ? 404 : (example.status ?? 200)
}

function refusalFor(row: Route, caller: Standing): 302 | 401 | 403 | 404 | null {
  switch (row.access) {
    case 'public':
    case 'webhook':
      return null
    case 'cron':
      return caller.opensCron ? null : 401
    case 'testonly':
      return caller.mode === 'test' ? null : 401
    case 'gone':
      return 404
    default:
      if (row.redirectsToLogin && caller.mode === 'nobody') return 302
      return refusalForUsers(row, caller)
  }
}

function refusalForUsers({ access, scope }: Route, { mode, scopes }: Standing): 401 | 403 | null {
  switch (mode) {
    case 'bad credential':
      return 401
    case 'nobody':
      return access === 'optional' ? null : 401
    case 'test':
    case 'session':
      return access === 'pat' ? 401 : null
    case 'token':
      if (access === 'session') return 403
      return scope === null || scopes.includes(scope) ? null : 403
  }
}

/** Whether the answer takes a bad cookie away: where cookies count at all. */
export function takesCookie({ access }: Route, { losesCookie }: Caller): boolean {
  const looksAtCookies = access === 'generic' || access === 'session' || access === 'optional'
  return losesCookie === true && looksAtCookies
}

/** Whether a page of another site could make a browser send this with its cookie, and must not. */
export function isGuardedByOrigin({ access, method, checkOrigin }: Route): boolean {
  const takesSessions = access === 'generic' || access === 'session' || access === 'optional'
  return method !== 'GET' && (takesSessions || checkOrigin === true)
}
