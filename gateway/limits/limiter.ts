/** Step 8 of the pipeline: which buckets a request is charged to, and what a refusal says (gateway spec 6). */
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import type { Soon } from '@mogplex/kit/soon.ts'
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

/** What a guess of a password is counted by. */
export interface GuessKey {
  bucket: 'signInEmail' | 'signInDevice' | 'passwordSession' | 'passwordUser'
  key: string
}

/** A slot taken in a bucket. */
export interface Charge {
  bucket: Bucket
  key: string
  ticket: number
}

export interface Limiter {
  /**
   * Charges every bucket the request counts in, or none of them; throws 429, and 503 when the store does not
   * say. `exchange.limit` becomes the state of the bucket closest to the row.
   */
  admit: (exchange: CountedExchange, row: Route, caller: Caller) => Soon<readonly Charge[]>
  /**
   * Charges what a guess of a password is counted by, of a request that was {@link Limiter.admit admitted} with
   * `charges`, which are given back when this is refused. Only a failure is to count here, so these charges are
   * {@link Limiter.giveBack given back} after any other outcome.
   */
  admitGuess: (
    exchange: CountedExchange,
    keys: readonly GuessKey[],
    charges: readonly Charge[],
  ) => Promise<readonly Charge[]>
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
  const take = (exchange: CountedExchange, bucket: Bucket | null, key: string): Soon<Charge | null> => {
    if (!bucket) return null
    const verdict = verdictOf(storeOf(bucket), bucket, key)
    return verdict instanceof Promise
      ? verdict.then(come => chargeFor(exchange, bucket, key, come))
      : chargeFor(exchange, bucket, key, verdict)
  }
  const chargeFor = (exchange: CountedExchange, bucket: Bucket, key: string, verdict: Verdict): Charge => {
    const resetSeconds = Math.max(1, Math.ceil(verdict.resetMs / 1000))
    exchange.limit = { bucket, remaining: verdict.remaining, resetSeconds }
    if (!verdict.isAdmitted) throw refusal(bucket === buckets.pat ? PAT_RETRY_AFTER_SECONDS : resetSeconds)
    return { bucket, key, ticket: verdict.ticket }
  }
  const giveBack = async ({ bucket, key, ticket }: Charge) => {
    try {
      await storeOf(bucket).giveBack(bucket, key, ticket)
    } catch {
      // The request has its answer; the store's own connection reports that it is away.
    }
  }

  /** Rows with a budget of their own: both buckets, or none. */
  const admitToBoth = async (
    exchange: CountedExchange,
    caller: Caller,
    name: NonNullable<Route['bucket']>,
  ): Promise<Charge[]> => {
    const { clientIp } = exchange
    const first = await take(exchange, callerBucket(buckets, caller), callerKey(caller, clientIp))
    const charges = first ? [first] : []
    try {
      const second = await take(exchange, ...rowBucket(buckets, name, caller, clientIp))
      return second ? [...charges, second] : charges
    } catch (refused) {
      // Refused requests count nowhere.
      for (const charge of charges) await giveBack(charge)
      throw refused
    }
  }

  return {
    giveBack,
    admit: (exchange, row, caller) => {
      if (row.bucket) return admitToBoth(exchange, caller, row.bucket)
      const charge = take(exchange, callerBucket(buckets, caller), callerKey(caller, exchange.clientIp))
      return charge instanceof Promise ? charge.then(() => NO_CHARGES) : NO_CHARGES
    },
    admitGuess: async (exchange, keys, charges) => {
      const { limit } = exchange
      const guesses: Charge[] = []
      try {
        for (const { bucket, key } of keys) {
          const charge = await take(exchange, buckets[bucket], key)
          if (charge) guesses.push(charge)
        }
        // How often others tried this address is nobody's business.
        exchange.limit = limit
        return guesses
      } catch (refused) {
        for (const charge of [...guesses, ...charges]) await giveBack(charge)
        throw refused
      }
    },
    countFailure: async exchange => {
      await take(exchange, buckets.failedAuthentication, exchange.clientIp)
    },
  }
}

/** Nobody gives back what is no sign-in's. */
const NO_CHARGES: readonly Charge[] = []

function verdictOf(store: LimitStore, bucket: Bucket, key: string): Soon<Verdict> {
  const verdict = store.take(bucket, key)
  if (!(verdict instanceof Promise)) return verdict
  return verdict.catch(cause => {
    throw unavailable('Rate limiting is unavailable', { retryAfterSeconds: AWAY_RETRY_AFTER_SECONDS, cause })
  })
}

function callerBucket(buckets: Buckets, { mode }: Caller): Bucket | null {
  return mode === 'test' || mode === 'cron' ? null : buckets[mode]
}

function callerKey(caller: Caller, clientIp: string): string {
  if (caller.mode === 'pat') return caller.keyId
  return caller.mode === 'session' ? caller.userId : clientIp
}

function rowBucket(
  buckets: Buckets,
  name: NonNullable<Route['bucket']>,
  caller: Caller,
  clientIp: string,
): [bucket: Bucket | null, key: string] {
  switch (name) {
    case 'sign-in':
      return [buckets.signInAddress, clientIp]
    case 'sign-up':
      return [buckets.signUp, clientIp]
    case 'password':
      // Only wrong ones count, by keys of their own (limits/guess-keys.ts).
      return [null, '']
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
