/** `GET /api/auth/user` (identity spec 4). */
import { type Static, Type } from '@sinclair/typebox'
import { answers, type Descriptions } from './describe.ts'
import { nullable, oneOf, Uuid } from './values.ts'

const Count = Type.Integer({ minimum: 0 })

/** Where the user stands with GitHub. */
const GITHUB = {
  github_state: oneOf([
    ...(['app_installed_with_synced_repos', 'app_installed', 'app_install_pending'] as const),
    ...(['oauth_connected', 'disconnected'] as const),
  ]),
  github_connected: Type.Boolean(),
  github_app_connected: Type.Boolean(),
  github_connection_mode: nullable(oneOf(['app', 'oauth'])),
  github_app_available: Type.Boolean(),
  github_install_pending: Type.Boolean(),
  github_installation_count: Count,
  github_synced_repo_count: Count,
  github_covered_repo_count: Count,
  github_status_label: Type.String(),
  github_status_detail: Type.String(),
  github_primary_action: nullable(
    Type.Object({ kind: Type.String(), label: Type.String(), href: Type.String() }),
    { description: 'What to do next, if anything.' },
  ),
}
export const GithubStanding = Type.Object(GITHUB)
export type GithubStanding = Static<typeof GithubStanding>

export const AuthUser = Type.Object(
  {
    id: Uuid,
    email: nullable(Type.String()),
    username: nullable(Type.String()),
    name: nullable(Type.String()),
    avatar_url: nullable(Type.String()),
    github_username: nullable(Type.String()),
    ...GITHUB,
    platform_access: Type.Object({ allowPlatformAi: Type.Boolean(), allowPlatformSandbox: Type.Boolean() }),
    vercel: Type.Object(
      {
        platformState: oneOf(['ready', 'not_configured']),
        personalState: Type.String(),
        linkedProjectState: Type.String(),
        canUsePlatformOps: Type.Boolean(),
        canLinkUserBillingProject: Type.Boolean(),
        canUseUserBilling: Type.Boolean(),
        statusLabel: Type.String(),
        statusDetail: Type.String(),
      },
      { description: 'Whether this instance can run sandboxes; the name is kept for compatibility.' },
    ),
    account_vercel_project_id: Type.Null(),
    account_vercel_team_id: Type.Null(),
    degraded: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Parts that could not be asked; their counts are the last known.',
      }),
    ),
  },
  { title: 'AuthUser' },
)
export type AuthUser = Static<typeof AuthUser>

export const AUTH_USER_ROUTES: Descriptions = {
  'GET /api/auth/user': {
    operationId: 'getAuthUser',
    tag: 'sessions',
    summary: 'Who you are, and what you can use here',
    answers: answers('You, or null for nobody.', Type.Object({ user: nullable(AuthUser) })),
  },
}
