/** `GET /api/auth/user`: who one is, and what one can use here (identity spec 4). */
import type { RequestContext } from '@mogplex/kit/http/request-context.ts'
import { sandboxCapability } from '@mogplex/proto/runtime.ts'
import type { AuthUser } from '@mogplex/proto/wire/auth-user.ts'
import { Elysia } from 'elysia'
import type { User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { readReconciledCounts } from '../github/reconcile.ts'
import { hasToken } from '../github/tokens.ts'
import { githubStateOf } from '../github/user-state.ts'
import { platformAccess } from './platform-access.ts'
import { findActiveUser } from './store.ts'

export function authUserRoutes(kit: IdentityKit) {
  const { context, database } = kit
  return new Elysia({ name: 'auth-user' }).use(context).get('/api/auth/user', async ({ context: from }) => {
    const user = from.caller.sub ? await findActiveUser(database, from.caller.sub) : null
    return { user: user && (await describe(kit, user, from)) }
  })
}

async function describe(kit: IdentityKit, user: User, { requestId }: RequestContext): Promise<AuthUser> {
  const now = new Date()
  const [token, counts, hasSandboxes] = await Promise.all([
    hasToken(kit.database, user.id),
    readReconciledCounts(kit, user, requestId, now),
    canRunSandboxes(kit, requestId),
  ])
  const begunUntil = user.githubInstallPendingUntil
  const isInstallBegun = begunUntil !== null && now < begunUntil
  const access = platformAccess(user, kit.config)
  return {
    id: user.id,
    email: user.email,
    username: user.username,
    name: user.name,
    avatar_url: user.avatarUrl,
    github_username: user.githubUsername,
    ...githubStateOf({ ...counts, hasToken: token, isInstallBegun }),
    platform_access: { allowPlatformAi: access.ai, allowPlatformSandbox: access.sandbox },
    vercel: presentHost(hasSandboxes),
    account_vercel_project_id: null,
    account_vercel_team_id: null,
    ...(counts.isDegraded ? { degraded: ['github'] } : {}),
  }
}

/** False as well when runtime does not answer. */
async function canRunSandboxes({ ask, log }: IdentityKit, requestId: string): Promise<boolean> {
  try {
    return (await ask(sandboxCapability, {}, { requestId })).isConfigured
  } catch (err) {
    log.warn({ event: 'sandbox.capability-unknown', err })
    return false
  }
}

/** The name is kept for compatibility: it says whether this instance can run sandboxes. Nothing is linked. */
function presentHost(isReady: boolean): AuthUser['vercel'] {
  return {
    platformState: isReady ? 'ready' : 'not_configured',
    personalState: 'not_linked',
    linkedProjectState: 'none',
    canUsePlatformOps: isReady,
    canLinkUserBillingProject: false,
    canUseUserBilling: false,
    statusLabel: isReady ? 'Platform ready' : 'Platform not configured',
    statusDetail: isReady
      ? 'Sandboxes run on this instance.'
      : 'No sandboxes can be started on this instance at the moment.',
  }
}
