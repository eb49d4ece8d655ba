/** Back from GitHub with an account, with an installation of the App, or with both (identity spec 3). */
import type { Requester } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import type { Arrivals, GithubAccount } from './arrivals.ts'
import { claimForUser, syncForUser } from './ask-projects.ts'
import { connectGithub } from './connect.ts'
import type { Departures } from './departures.ts'
import { GithubFault } from './fault.ts'
import { isGithubConfigured } from './oauth-client.ts'
import { lookForInstallation, type Sight } from './own-installations.ts'
import type { GithubPlace } from './settings.ts'
import { readToken } from './tokens.ts'
import { startPatience, waitAtMost } from './wait-at-most.ts'

interface Parts {
  kit: IdentityKit
  place: GithubPlace
  departures: Departures
  arrivals: Arrivals
}

/** Who came back, and what with. */
interface Return {
  owner: Requester
  /** Null when the trip brought no code. */
  account: GithubAccount | null
  /** How long the browser still waits. */
  leftMs: () => number
}

/** Resolves with the redirect; throws {@link GithubFault}. */
export function createConnectCallback(parts: Parts) {
  const { kit, place, arrivals } = parts
  return async (request: Request, owner: Requester): Promise<Response> => {
    const leftMs = startPatience()
    const query = new URL(request.url).searchParams
    const destination = { purposes: ['connect' as const, 'install' as const], userId: owner.userId }
    const trip = await arrivals.comeBack(request, destination)
    const installationId = namedInstallation(query) ?? trip.installationId
    if (installationId !== null && place.installUrl === null)
      throw new GithubFault('github_installation_forbidden')
    if (query.has('error')) throw new GithubFault('github_token_error')

    const code = query.get('code')
    const account = code === null ? null : await arrivals.readCode(code, trip)
    if (account) await connectGithub(kit, owner, account, new Date())

    if (installationId !== null) return takeIn(parts, installationId, { owner, account, leftMs })
    if (account) return connected(arrivals, await syncForUser(kit, owner, leftMs()))
    if (query.get('setup_action') === 'request') return waitForOwner(parts, owner)
    throw new GithubFault(trip.purpose === 'install' ? 'github_installation_invalid' : 'github_token_error')
  }
}

/**
 * Whose an installation is, only a token of the user can tell. Who has none that is good is sent for one, and
 * comes back here with it.
 */
async function takeIn(
  { kit, place, departures, arrivals }: Parts,
  installationId: number,
  { owner, account, leftMs }: Return,
): Promise<Response> {
  const token = account?.token.accessToken ?? (await storedToken(kit, owner.userId))
  const sight = token === null ? 'expired' : await look(place.apiUrl, token, installationId, leftMs())
  if (sight === 'expired') {
    if (account) throw new GithubFault('github_installation_fetch')
    if (!isGithubConfigured(kit.config)) throw new GithubFault('github_installation_forbidden')
    return departures.toConnect(owner.userId, installationId)
  }
  if (sight === 'unseen') throw new GithubFault('github_installation_forbidden')
  // Where GitHub does not list them to this token, the proof that projects asks for decides alone.
  return connected(arrivals, await claimForUser(kit, owner, installationId, leftMs()))
}

/** An owner of the organisation was asked to install the App. It is found later, by a token of the user. */
async function waitForOwner({ kit, departures, arrivals }: Parts, { userId }: Requester): Promise<Response> {
  const hasToken = (await storedToken(kit, userId)) !== null
  if (hasToken || !isGithubConfigured(kit.config)) return arrivals.arrive('/?github=requested')
  return departures.toConnect(userId, null)
}

function connected({ arrive }: Arrivals, isSynced: boolean): Response {
  return arrive(`/?github=connected${isSynced ? '' : '&repo_sync=failed'}`)
}

/** Null when the address names none. */
function namedInstallation(query: URLSearchParams): number | null {
  const text = query.get('installation_id')
  if (text === null) return null
  const id = /^[1-9]\d*$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(id)) throw new GithubFault('github_installation_invalid')
  return id
}

async function look(apiUrl: string, token: string, installationId: number, limitMs: number): Promise<Sight> {
  const looking = lookForInstallation(apiUrl, token, installationId)
  const sight = await waitAtMost(looking, limitMs).catch(cause => {
    throw new GithubFault('github_installation_fetch', cause)
  })
  if (sight === null) throw new GithubFault('github_installation_fetch', new Error('GitHub takes too long'))
  return sight
}

/** Null as well for one that cannot be opened any more: a new one takes its place. */
async function storedToken({ database, secrets, log }: IdentityKit, userId: string): Promise<string | null> {
  try {
    return await readToken(database, secrets, userId)
  } catch (err) {
    log.warn({ event: 'github.token-unreadable', userId, err })
    return null
  }
}
