/**
 * The route table: one row for every path and method the product answers (design, "A request"; gateway
 * spec 3–4). The gateway routes, authorises and limits by it; a service whose registered routes differ from
 * its rows does not start; a test walks every row with every kind of caller.
 */
import type { Scope } from './caller.ts'
import type { ServiceName } from './services.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Who may call a route (gateway spec 3). */
export type RouteClass =
  | 'generic'
  | 'session'
  | 'pat'
  | 'optional'
  | 'public'
  /** The owner checks a signature of the raw body; credentials are ignored. */
  | 'webhook'
  /** Takes the operator's cron secret and nothing else. */
  | 'cron'
  /** Takes the secret of test mode; without test mode nobody sees that it exists. */
  | 'testonly'
  /** A name that once was a route: 404 to everybody, and nobody's to register. */
  | 'gone'

export interface Route {
  method: Method
  /** Literal segments and `:name` parameters. Literal segments win over parameters. */
  path: string
  access: RouteClass
  /** Scope a PAT needs here; null where no PAT comes. */
  scope: Scope | null
  service: ServiceName
  /** The answer may be a stream: no total time limit, 60 s without a byte ends it. */
  stream?: true
  /** A public route that the Origin check guards all the same (gateway spec 7). */
  checkOrigin?: true
  /**
   * A public route that works on the session when a good one is sent, and as anonymous otherwise:
   * sign-out has to know which session to end (identity spec 2).
   */
  readsSession?: true
  /** A session route that people open in a browser: without a session they are sent to `/login` and back. */
  redirectsToLogin?: true
  /** A limit bucket of its own beside the caller's (gateway spec 6). */
  bucket?: 'sign-in' | 'sign-up' | 'password' | 'key-verify' | 'cli-approve'
  /** Where a body may be of another size than 1 MiB (gateway spec 1, step 3). */
  maxBodyBytes?: number
}

const READ_METHODS = new Set<Method>(['GET'])

/** The scope rule R/W of gateway spec 4: `read` for GET and HEAD, `write` for everything else. */
function scopeOf(method: Method): Scope {
  return READ_METHODS.has(method) ? 'read' : 'write'
}

type Row = Partial<Omit<Route, 'method' | 'path' | 'service'>>

function rows(service: ServiceName, path: string, methods: Method[], row: Row = {}): Route[] {
  const access = row.access ?? 'generic'
  const takesTokens = access === 'generic' || access === 'pat' || access === 'optional'
  return methods.map(method => ({
    ...row,
    method,
    path,
    service,
    access,
    scope: takesTokens ? (row.scope ?? scopeOf(method)) : null,
  }))
}

const session: Row = { access: 'session' }
const optional: Row = { access: 'optional' }
const signIn: Row = { access: 'public', checkOrigin: true }
const v1: Row = { access: 'pat' }
const page: Row = { access: 'session', redirectsToLogin: true }

export const ROUTES: readonly Route[] = [
  ...rows('identity', '/api/auth/providers', ['GET'], { access: 'public' }),
  ...rows('identity', '/api/auth/user', ['GET'], optional),
  ...rows('identity', '/api/auth/get-session', ['GET'], optional),
  ...rows('identity', '/api/auth/login/github', ['GET'], { access: 'public' }),
  ...rows('identity', '/api/auth/callback/github', ['GET'], { access: 'public' }),
  ...rows('identity', '/api/auth/github', ['GET'], page),
  ...rows('identity', '/api/auth/github/callback', ['GET'], page),
  ...rows('identity', '/api/auth/sign-up/email', ['POST'], { ...signIn, bucket: 'sign-up' }),
  ...rows('identity', '/api/auth/sign-in/email', ['POST'], { ...signIn, bucket: 'sign-in' }),
  ...rows('identity', '/api/auth/sign-out', ['POST'], { ...signIn, readsSession: true }),
  ...rows('identity', '/api/auth/logout', ['GET', 'POST'], { ...signIn, readsSession: true }),
  ...rows('identity', '/api/auth/sessions', ['GET'], session),
  ...rows('identity', '/api/auth/sessions/:id', ['DELETE'], session),
  ...rows('identity', '/api/auth/password', ['POST'], { ...session, bucket: 'password' }),
  ...rows('identity', '/api/auth/cli/approve', ['POST'], { ...session, bucket: 'cli-approve' }),
  ...rows('identity', '/api/auth/cli/deny', ['POST'], session),
  ...rows('identity', '/api/settings', ['GET', 'PATCH']),
  ...rows('identity', '/api/settings/api-keys', ['GET', 'POST'], session),
  ...rows('identity', '/api/settings/api-keys/:id', ['DELETE'], session),
  ...rows('identity', '/api/settings/api-keys/:id/rotate', ['POST'], session),
  ...rows('identity', '/api/settings/keys', ['GET', 'PUT', 'DELETE'], session),
  ...rows('identity', '/api/settings/keys/verify', ['POST'], { ...session, bucket: 'key-verify' }),
  ...rows('identity', '/api/settings/audit', ['GET'], session),
  ...rows('identity', '/api/models', ['GET'], optional),
  ...rows('identity', '/api/models', ['PATCH']),
  ...rows('identity', '/api/models/new-arrivals', ['GET'], optional),
  ...rows('identity', '/api/models/new-arrivals', ['POST', 'PATCH']),
  ...rows('identity', '/api/v1/mogplex/models', ['GET'], v1),

  ...rows('identity', '/api/cron/sync-models', ['GET', 'POST'], { access: 'cron' }),
  ...rows('identity', '/', ['GET'], { access: 'public' }),
  ...rows('identity', '/login', ['GET'], { access: 'public', readsSession: true }),
  ...rows('identity', '/settings/api-keys', ['GET'], page),
  ...rows('identity', '/cli-auth', ['GET'], page),
  ...rows('identity', '/assets/forms.js', ['GET'], { access: 'public' }),
  ...rows('identity', '/assets/login.js', ['GET'], { access: 'public' }),
  ...rows('identity', '/assets/api-keys.js', ['GET'], { access: 'public' }),
  ...rows('identity', '/assets/cli-auth.js', ['GET'], { access: 'public' }),

  ...rows('projects', '/api/repos', ['GET', 'POST', 'PATCH', 'DELETE']),
  ...rows('projects', '/api/repos/:id', ['GET', 'PATCH', 'DELETE']),
  ...rows('projects', '/api/workspaces', ['GET', 'POST']),
  ...rows('projects', '/api/workspaces/:id', ['GET', 'PATCH', 'DELETE']),
  ...rows('projects', '/api/github/installations', ['GET']),
  // It imports what it finds (projects spec 1).
  ...rows('projects', '/api/github/repos', ['GET'], { scope: 'write' }),
  ...rows('projects', '/api/github/owners', ['GET']),
  ...rows('projects', '/api/v1/mogplex/repos', ['GET'], v1),

  ...rows('runtime', '/api/v1/mogplex/sandboxes', ['GET'], v1),
  ...rows('runtime', '/api/v1/mogplex/sandboxes/:sandboxId/logs', ['GET'], v1),
  ...rows('runtime', '/api/v1/mogplex/runs', ['POST'], v1),
  ...rows('runtime', '/api/v1/mogplex/runs/:runId', ['GET'], v1),
  ...rows('runtime', '/api/v1/mogplex/runs/:runId/events', ['GET'], { ...v1, stream: true }),
  ...rows('runtime', '/api/v1/mogplex/runs/:runId/cancel', ['POST'], v1),
]

/** The rows a service must register, no more and no fewer. */
export function routesOf(service: ServiceName): Route[] {
  return ROUTES.filter(route => route.service === service && route.access !== 'gone')
}
