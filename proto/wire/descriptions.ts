/** Every description there is, by `METHOD /path`. A new route of the API adds its own to a file beside this one. */
import type { Route } from '../routes.ts'
import { AUTH_USER_ROUTES } from './auth-user.ts'
import type { Descriptions, RouteDescription } from './describe.ts'
import { GITHUB_ROUTES } from './github.ts'
import { INSTALLATION_ROUTES } from './installations.ts'
import { MODEL_ROUTES } from './models.ts'
import { REPO_ROUTES } from './repos.ts'
import { RUN_ROUTES } from './runs.ts'
import { SANDBOX_ROUTES } from './sandboxes.ts'
import { SESSION_ROUTES } from './sessions.ts'
import { SETTINGS_ROUTES } from './settings.ts'
import { TOKEN_ROUTES } from './tokens.ts'
import { WORKSPACE_ROUTES } from './workspaces.ts'

export const DESCRIPTIONS: Descriptions = {
  ...RUN_ROUTES,
  ...SANDBOX_ROUTES,
  ...REPO_ROUTES,
  ...WORKSPACE_ROUTES,
  ...MODEL_ROUTES,
  ...TOKEN_ROUTES,
  ...SETTINGS_ROUTES,
  ...SESSION_ROUTES,
  ...AUTH_USER_ROUTES,
  ...GITHUB_ROUTES,
  ...INSTALLATION_ROUTES,
}

/** Whether programs call the route. What people open (pages, scripts of pages) and hidden routes are not described. */
export function isDescribed({ path, access }: Pick<Route, 'path' | 'access'>): boolean {
  return path.startsWith('/api/') && access !== 'testonly' && access !== 'gone'
}

/** Throws for a route that should be described and is not. */
export function descriptionOf({ method, path }: Pick<Route, 'method' | 'path'>): RouteDescription {
  const found = DESCRIPTIONS[`${method} ${path}`]
  if (!found) throw new Error(`proto/wire describes no ${method} ${path}`)
  return found
}
