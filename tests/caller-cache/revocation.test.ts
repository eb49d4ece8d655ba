/** docs/guarantees.md, "Revoked means the next request fails", seen from outside: three gateways, two identities. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type Account, type Credential, call, signUpWithToken } from '../system/accounts.ts'
import { askingOf } from './asking.ts'
import { type Fleet, insertTokens, startFleet } from './fleet.ts'

/** Fifty thousand requests, on a machine that may have much else to do. */
setDefaultTimeout(400_000)

let fleet: Fleet
let owner: Account
let asking: ReturnType<typeof askingOf>
beforeAll(async () => {
  fleet = await startFleet()
  asking = askingOf(fleet)
  owner = await signUpWithToken(asking.at(0))
}, 120_000)
afterAll(() => fleet.stop())

const REVOCATIONS = 3_400
const AT_ONCE = 12
/** What a gateway answers when identity takes too long, as on a machine that stood still: nobody is let in. */
const UNANSWERED = 503
const MOST_UNANSWERED = REVOCATIONS * 0.03

test('in 10,000 trials nobody is let in with a token whose revocation was answered', async () => {
  const { at, statusAt } = asking
  const tokens = await insertTokens(fleet, owner.userId, REVOCATIONS)
  const counted = { welcome: 0, refused: 0, other: new Set<number>() }
  let unanswered = 0
  const answerAt = async (index: number, as: Credential): Promise<number> => {
    const status = await statusAt(index, as)
    if (status !== UNANSWERED) return status
    unanswered += 1
    return answerAt(index, as)
  }
  const answers = (as: Credential) => Promise.all(fleet.gateways.map((_, index) => answerAt(index, as)))
  const revokeOne = async ({ id, token }: { id: string; token: string }, index: number) => {
    const as = { token }
    // Known to each gateway, and more requests under way while the token ends.
    for (const status of await answers(as)) if (status === 200) counted.welcome += 1
    const racing = [statusAt(index, as), statusAt(index + 1, as)]
    await call(at(index), 'DELETE', `/api/settings/api-keys/${id}`, { as: { cookie: owner.cookie } })
    for (const status of await answers(as)) {
      if (status === 401) counted.refused += 1
      else counted.other.add(status)
    }
    await Promise.all(racing)
  }
  const queue = tokens.entries()
  const work = async () => {
    for (const [index, token] of queue) await revokeOne(token, index)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  expect(counted).toEqual({ welcome: REVOCATIONS * 3, refused: REVOCATIONS * 3, other: new Set() })
  expect(unanswered).toBeLessThan(MOST_UNANSWERED)
})
