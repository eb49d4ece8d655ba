/** One gateway process with a real identity behind it, in front of an upstream that costs next to nothing. */
import { insertTokens, startFleet } from '../../tests/caller-cache/fleet.ts'
import { signUpWithToken } from '../../tests/system/accounts.ts'
import type { Target } from './load.ts'

/** Counted like any other, and never refused. */
const WIDE_LIMITS = { RATE_LIMIT_PAT: '1000000/1' }

export interface Scene {
  /** An authenticated, scoped, limited request through the gateway. */
  gateway: Target
  token: string
  /** Identity's own login at its database. */
  identityDatabaseUrl: string
  pid: number
  stop: () => Promise<void>
}

/** `settings` are the gateway's, over those that let everything through. */
export async function startScene(upstreamUrl: string, settings: Record<string, string> = {}): Promise<Scene> {
  const fleet = await startFleet({
    ...{ gateways: 1, upstreamUrl, gatewaySettings: { ...WIDE_LIMITS, ...settings } },
  })
  const [gateway] = fleet.gateways
  if (!gateway) throw new Error('no gateway')
  const { userId } = await signUpWithToken({ baseUrl: gateway.url })
  const [made] = await insertTokens(fleet, userId, 1)
  const token = made?.token ?? ''
  return {
    gateway: { url: `${gateway.url}/api/v1/mogplex/repos`, headers: { authorization: `Bearer ${token}` } },
    ...{ token, pid: gateway.child.pid, stop: fleet.stop },
    identityDatabaseUrl: fleet.identityDatabaseUrl,
  }
}
