/** Exact rolling windows in Redis or Valkey, for gateways that share their budgets. */
import { createHash } from 'node:crypto'
import type { RedisConnection } from './redis-connection.ts'
import type { Bucket, LimitStore, Verdict } from './store.ts'

/**
 * A key is a sorted set of admissions, each named and scored by its time in µs on the server's own clock:
 * gateways need not agree on the time. Times in a set only grow, so that each names one admission.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local count = redis.call('ZCARD', KEYS[1])
local ticket = ''
if count < limit then
  local last = redis.call('ZRANGE', KEYS[1], -1, -1)[1]
  ticket = string.format('%.0f', last and math.max(now, tonumber(last) + 1) or now)
  redis.call('ZADD', KEYS[1], ticket, ticket)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  count = count + 1
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
return {ticket, limit - count, string.format('%.0f', first and (tonumber(first) + window - now) or window)}
`
const TAKE_SHA = createHash('sha1').update(TAKE).digest('hex')

const PREFIX = 'mogplex:limit'

/**
 * One script, so that counting is atomic however many gateways ask. Rejects when the store does not answer in
 * time; an admission it then made all the same is given back as soon as it is heard of.
 */
export function createRedisLimitStore({ send }: Pick<RedisConnection, 'send'>): LimitStore {
  const giveBack: LimitStore['giveBack'] = async (bucket, key, ticket) => {
    await send('ZREM', [nameOf(bucket, key), String(ticket)])
  }

  const run = (bucket: Bucket, key: string, command: 'EVALSHA' | 'EVAL', script: string) => {
    const { limit, windowMs } = bucket
    const whenLate = (answer: unknown) => {
      const { isAdmitted, ticket } = readVerdict(answer)
      // Still away: the admission leaves the window by itself.
      if (isAdmitted) Promise.resolve(giveBack(bucket, key, ticket)).catch(() => undefined)
    }
    return send(command, [script, '1', nameOf(bucket, key), String(limit), String(windowMs)], whenLate)
  }

  return {
    giveBack,
    take: async (bucket, key) => {
      try {
        return readVerdict(await run(bucket, key, 'EVALSHA', TAKE_SHA))
      } catch (error) {
        if (!isUnknownScript(error)) throw error
        // A server that was restarted has forgotten it; EVAL makes it known again.
        return readVerdict(await run(bucket, key, 'EVAL', TAKE))
      }
    },
  }
}

/** The window is part of the name: a setting that changed must not count what another window left. */
function nameOf({ name, windowMs }: Bucket, key: string): string {
  return `${PREFIX}:${name}:${windowMs}:${key}`
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

function readVerdict(answer: unknown): Verdict {
  if (!Array.isArray(answer)) throw new Error('the limit store gave an answer of another kind')
  const [ticket, remaining, resetMicros] = answer
  return {
    isAdmitted: ticket !== '',
    remaining: Math.max(0, Number(remaining)),
    resetMs: Math.max(0, Number(resetMicros) / 1_000),
    ticket: Number(ticket),
  }
}
