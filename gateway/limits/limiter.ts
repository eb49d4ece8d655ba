/** Step 8 of the pipeline: which buckets a request is charged to, and what a refusal says (gateway spec 6). */
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import type { Caller } from '../callers/caller.ts'
import type { Buckets } from '../config.ts'
import type { Exchange } from '../exchange.ts'
import type { Bucket, LimitStore, Verdict } from './store.ts'

/** What the `RateLimit-*` headers say. */
export interface LimitState {
  bucket: Bucket
  remaining: number
  resetSeconds: number
}

/** What of an exchange matters here. */
export type CountedExchange = Pick<Exchange, 'clientIp' | 'limit'>

/** A slot taken in a bucket. */
export interface Charge {
  bucket: Bucket
  key: string
  ticket: number
}

export interface Limiter {
  /**
   * Charges every bucket the request counts in, or none of them; throws 429, and 503 when the store does not
   * say. `exchange.limit` becomes the state of the bucket closest to the row. The charge of the sign-in's
   * e-mail address is returned: only a failure is to count there, so it is
   * {@link Limiter.giveBack given back} after any other outcome.
   */
  admit: (
    exchange: CountedExchange,
    row: Route,
    caller: Caller,
    email: string | null,
  ) => Promise<Charge | null>
  /** Never rejects: what the store could not be told leaves the window by itself. */
  giveBack: (charge: Charge) => Promise<void>
  /**
   * Counts a bad credential of the exchange's address; throws 429 beyond the budget, and 503 when the store
   * does not say: guesses that nobody counts are not answered.
   */
  countFailure: (exchange: CountedExchange) => Promise<void>
}

/** `localStore` counts webhooks: in this process only, so that they keep coming while `store` is away. */
export function createLimiter(buckets: Buckets, store: LimitStore, localStore: LimitStore): Limiter {
  const storeOf = (bucket: Bucket) => (bucket === buckets.webhook ? localStore : store)
  const take = async (
    exchange: CountedExchange,
    bucket: Bucket | null,
    key: string,
  ): Promise<Charge | null> => {
    if (!bucket) return null
    const { isAdmitted, remaining, resetMs, ticket } = await verdictOf(storeOf(bucket), bucket, key)
    const resetSeconds = Math.max(1, Math.ceil(resetMs / 1000))
    exchange.limit = { bucket, remaining, resetSeconds }
    if (!isAdmitted) throw refusal(bucket === buckets.pat ? PAT_RETRY_AFTER_SECONDS : resetSeconds)
    return { bucket, key, ticket }
  }
  const giveBack = async ({ bucket, key, ticket }: Charge) => {
    try {
      await storeOf(bucket).giveBack(bucket, key, ticket)
    } catch {
      // The request has its answer; the store's own connection reports that it is away.
    }
  }

  return {
    giveBack,
    admit: async (exchange, row, caller, email) => {
      const charges: (Charge | null)[] = []
      try {
        const failure = email === null ? null : await take(exchange, buckets.signInEmail, email)
        charges.push(failure)
        charges.push(await take(exchange, ...callerBucket(buckets, caller, exchange.clientIp)))
        if (row.bucket) await take(exchange, ...rowBucket(buckets, row.bucket, caller, exchange.clientIp))
        return failure
      } catch (refused) {
        // Refused requests count nowhere.
        for (const charge of charges) if (charge) await giveBack(charge)
        throw refused
      }
    },
    countFailure: async exchange => {
      await take(exchange, buckets.failedAuthentication, exchange.clientIp)
    },
  }
}

async function verdictOf(store: LimitStore, bucket: Bucket, key: string): Promise<Verdict> {
  try {
    return await store.take(bucket, key)
  } catch (cause) {
    throw unavailable('Rate limiting is unavailable', { retryAfterSeconds: AWAY_RETRY_AFTER_SECONDS, cause })
  }
}

type BucketAndKey = [bucket: Bucket | null, key: string]

function callerBucket(buckets: Buckets, caller: Caller, clientIp: string): BucketAndKey {
  switch (caller.mode) {
    case 'pat':
      return [buckets.pat, caller.keyId]
    case 'session':
      return [buckets.session, caller.userId]
    case 'anonymous':
      return [buckets.anonymous, clientIp]
    case 'webhook':
      return [buckets.webhook, clientIp]
    case 'test':
    case 'cron':
      return [null, '']
  }
}

function rowBucket(
  buckets: Buckets,
  name: NonNullable<Route['bucket']>,
  caller: Caller,
  clientIp: string,
): BucketAndKey {
  switch (name) {
    case 'sign-in':
      return [buckets.signInAddress, clientIp]
    case 'sign-up':
      return [buckets.signUp, clientIp]
    case 'key-verify':
    case 'cli-approve': {
      const bucket = name === 'key-verify' ? buckets.keyVerify : buckets.cliApprove
      // Whoever is no user here is turned away by the next step and has no budget to spend.
      return caller.mode === 'session' ? [bucket, caller.userId] : [null, '']
    }
  }
}

/** Documented as a constant (v1 contract 3). */
const PAT_RETRY_AFTER_SECONDS = 60
const AWAY_RETRY_AFTER_SECONDS = 60

function refusal(retryAfterSeconds: number): ApiError {
  return new ApiError('RATE_LIMITED', `Rate limit exceeded. Retry after ${retryAfterSeconds}s.`, {
    retryAfterSeconds,
  })
}
