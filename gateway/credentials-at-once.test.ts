/**
 * Gateway spec 2, 3: whatever comes together, the first credential present decides and no later one is looked
 * at. Every combination, on a row of each class.
 */
import { afterAll, beforeEach, expect, test } from 'bun:test'
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import type { Route, RouteClass } from '@mogplex/proto/routes.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { PUBLIC_ORIGIN, useGateway } from './test-bench/gateway.ts'

const CRON_SECRET = 'the secret of the scheduler'
const TEST_SECRET = 'the secret of the tests'
const rowOf = (access: RouteClass): Route => ({
  ...{ method: 'POST', path: `/api/${access}-row`, service: 'identity', access, scope: 'write' },
})
const CLASSES: RouteClass[] = [
  ...(['generic', 'session', 'pat', 'optional', 'public'] as const),
  ...(['webhook', 'cron', 'testonly', 'gone'] as const),
]
const bench = await useGateway({
  routes: CLASSES.map(rowOf),
  settings: { CRON_SECRET, E2E_AUTH_SECRET: TEST_SECRET },
})
afterAll(() => bench[Symbol.asyncDispose]())
beforeEach(() => {
  bench.reached.length = bench.asked.length = 0
})

type Credential = [name: string, value: string | null]
const AUTHORIZATIONS: Credential[] = [
  ['none', null],
  ['good token', `Bearer ${bench.newPat()}`],
  ['unknown token', `Bearer mog_${'q'.repeat(32)}`],
  ['malformed token', 'Bearer mog_short'],
  ['cron secret', `Bearer ${CRON_SECRET}`],
  ['another bearer', 'Bearer sk-live'],
]
const TEST_SECRETS: Credential[] = [
  ['none', null],
  ['good', TEST_SECRET],
  ['bad', 'guessed'],
]
const SESSIONS: Credential[] = [
  ['none', null],
  ['good', bench.newSession()],
  ['bad', 'n'.repeat(43)],
]
const COMBINATIONS = AUTHORIZATIONS.flatMap(authorization =>
  TEST_SECRETS.flatMap(secret => SESSIONS.map(session => ({ authorization, secret, session }))),
)

/** The names of what is sent together. */
interface Sent {
  authorization: string
  tested: string
  session: string
}
const userId = bench.newUser()

/** Who decides, of those three ways that make somebody a user, and whether for the better. */
function firstOf({ authorization, tested, session }: Sent): { mode: string; isGood: boolean } {
  if (authorization.endsWith('token')) return { mode: 'pat', isGood: authorization === 'good token' }
  if (tested !== 'none') return { mode: 'test', isGood: tested === 'good' }
  if (session !== 'none') return { mode: 'session', isGood: session === 'good' }
  return { mode: 'anonymous', isGood: false }
}

/** The status of a refusal, or whom the service is told of. */
const outcomes: Record<RouteClass, (sent: Sent) => number | string> = {
  generic: sent => {
    const { mode, isGood } = firstOf(sent)
    return isGood ? mode : 401
  },
  session: sent => {
    const { mode, isGood } = firstOf(sent)
    if (!isGood) return 401
    return mode === 'pat' ? 403 : mode
  },
  pat: ({ authorization }) => (authorization === 'good token' ? 'pat' : 401),
  optional: sent => {
    const { mode, isGood } = firstOf(sent)
    if (isGood) return mode
    return mode === 'pat' || mode === 'test' ? 401 : 'anonymous'
  },
  public: () => 'anonymous',
  webhook: () => 'webhook',
  cron: ({ authorization }) => (authorization === 'cron secret' ? 'cron' : 401),
  testonly: sent => {
    const { mode, isGood } = firstOf(sent)
    return mode === 'test' && isGood ? 'test' : 401
  },
  gone: () => 404,
}

const EACH = ['pat', 'test', 'session']
/** The ways that are looked at on such a row, if they come first. */
const lookedAt: Record<RouteClass, string[]> = {
  ...{ generic: EACH, session: EACH, optional: EACH, pat: ['pat'], testonly: ['test'] },
  ...{ public: [], webhook: [], cron: [], gone: [] },
}
const QUESTION_OF: Record<string, string> = {
  pat: 'rpc.identity.pat.resolve',
  test: 'rpc.identity.user.get',
  session: 'rpc.identity.session.resolve',
}

const verify = createAssertionVerifier({
  audience: 'identity',
  issuers: [GATEWAY_ISSUER],
  publicKeys: JSON.parse(bench.issuers.environmentOf('identity').ASSERTION_PUBLIC_KEYS),
})

async function outcomeOf(
  access: RouteClass,
  authorization: string | null,
  secret: string | null,
  session: string | null,
): Promise<number | string> {
  const response = await fetch(`${bench.url}/api/${access}-row`, {
    method: 'POST',
    headers: {
      origin: PUBLIC_ORIGIN,
      ...(authorization === null ? {} : { authorization }),
      ...(secret === null ? {} : { 'x-mogplex-e2e-auth': secret, 'x-mogplex-e2e-user-id': userId }),
      ...(session === null ? {} : { cookie: `mogplex_session=${session}` }),
    },
  })
  const reached = bench.reached.splice(0)
  if (response.status !== 200) return reached.length === 0 ? response.status : 'refused and served'
  const { amr } = await verify(reached[0]?.headers.get('x-mogplex-identity') ?? null)
  return amr
}

test.each(CLASSES)('%s: the first present decides in every combination', async access => {
  for (const { authorization, secret, session } of COMBINATIONS) {
    const sent = { authorization: authorization[0], tested: secret[0], session: session[0] }
    bench.asked.length = 0
    const outcome = await outcomeOf(access, authorization[1], secret[1], session[1])
    expect([sent, outcome]).toEqual([sent, outcomes[access](sent)])
    const { mode } = firstOf(sent)
    const allowed = lookedAt[access].includes(mode) ? QUESTION_OF[mode] : null
    expect([sent, bench.asked.filter(subject => subject !== allowed)]).toEqual([sent, []])
  }
})
