/** Requests at one gateway of a fleet or at all of them, by somebody with a credential. */
import { type Credential, call, PASSWORD, send } from '../system/accounts.ts'
import type { Fleet } from './fleet.ts'

/** What every gateway answers somebody who is let in, and somebody who is not. */
export const WELCOME = [200, 200, 200]
export const REFUSED = [401, 401, 401]

/** Sent with changes, as a browser does. */
export const OWN_PAGE = { origin: 'http://mogplex.test' }

export function askingOf(fleet: Pick<Fleet, 'gateways'>) {
  /** A gateway, as the helpers of the whole-system tests take it; counts round. */
  const at = (index: number): { baseUrl: string } => {
    const gateway = fleet.gateways[index % fleet.gateways.length]
    if (!gateway) throw new Error('no gateway')
    return { baseUrl: gateway.url }
  }
  const statusAt = async (index: number, as: Credential) => {
    const response = await send(at(index), 'GET', '/api/repos', { as })
    await response.arrayBuffer()
    return response.status
  }
  /** At every gateway at once. */
  const statuses = (as: Credential) => Promise.all(fleet.gateways.map((_, index) => statusAt(index, as)))
  const signIn = async (email: string): Promise<{ cookie: string }> => {
    const json = { email, password: PASSWORD }
    const { headers } = await call(at(1), 'POST', '/api/auth/sign-in/email', { json })
    return { cookie: (headers.get('set-cookie') ?? '').split(';')[0] ?? '' }
  }
  return { at, statusAt, statuses, signIn }
}
