/** How many event streams a caller may have open, so that nobody holds everybody's connections. */
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import type { Caller } from '../callers/caller.ts'

export interface StreamLimits {
  perUser: number
  perToken: number
  /** Of all callers together, so that streams leave room for requests. */
  total: number
}

export interface StreamSlots {
  /** Gives back what frees the slot again, to be called once. Throws 429, and 503 when all together are too many. */
  take: (caller: Caller, clientIp: string) => () => void
}

/** A stream ends when somebody ends it, so nobody can say when one more may come. */
const RETRY_AFTER_SECONDS = 10

/** Counts in this process: what it holds are connections of its own, and they are gone when it is. */
export function createStreamSlots({ perUser, perToken, total }: StreamLimits): StreamSlots {
  const open = new Map<string, number>()
  let all = 0
  const add = (keys: readonly string[], by: 1 | -1) => {
    all += by
    for (const key of keys) {
      const count = (open.get(key) ?? 0) + by
      if (count > 0) open.set(key, count)
      else open.delete(key)
    }
  }
  const isFull = (key: string | null, limit: number) => key !== null && (open.get(key) ?? 0) >= limit

  return {
    take: (caller, clientIp) => {
      const token = caller.mode === 'pat' ? `token ${caller.keyId}` : null
      const user = 'userId' in caller ? `user ${caller.userId}` : `address ${clientIp}`
      if (isFull(token, perToken)) throw refusal('This token', perToken)
      if (isFull(user, perUser)) throw refusal('This user', perUser)
      if (all >= total)
        throw unavailable('Too many event streams are open', { retryAfterSeconds: RETRY_AFTER_SECONDS })
      const keys = token === null ? [user] : [user, token]
      add(keys, 1)
      return () => add(keys, -1)
    },
  }
}

function refusal(who: string, limit: number): ApiError {
  const message = `${who} has ${limit} event streams open, as many as it may. Close one first.`
  return new ApiError('RATE_LIMITED', message, { retryAfterSeconds: RETRY_AFTER_SECONDS })
}
