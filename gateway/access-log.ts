/** One line for each finished request (gateway spec 10): never a raw path, a query, a credential or a body. */
import type { Exchange } from './exchange.ts'

export interface AccessLog {
  record: (exchange: Exchange, status: number) => void
  /** Writes what is still held. */
  flush: () => void
}

const FLUSH_AFTER_MS = 100
const FLUSH_AT_CHARACTERS = 64 * 1024
/** pino's number for `info`, so that these lines read like all others. */
const INFO = 30

/**
 * A logger of its own because a line costs pino a third of what the whole proxying costs: lines are
 * collected and written together. A crash loses those of the last {@link FLUSH_AFTER_MS}.
 */
export function createAccessLog(write: (lines: string) => void): AccessLog {
  let held = ''
  let timer: ReturnType<typeof setTimeout> | null = null
  const flush = () => {
    if (timer) clearTimeout(timer)
    timer = null
    const lines = held
    held = ''
    if (lines) write(lines)
  }
  return {
    flush,
    record: (exchange, status) => {
      held += `${JSON.stringify(lineOf(exchange, status))}\n`
      if (held.length >= FLUSH_AT_CHARACTERS) flush()
      else timer ??= setTimeout(flush, FLUSH_AFTER_MS)
    },
  }
}

function lineOf({ request, requestId, pattern, startedAt, caller, clientIp }: Exchange, status: number) {
  return {
    level: INFO,
    time: new Date().toISOString(),
    process: 'gateway',
    event: 'http.request',
    rid: requestId,
    method: request.method,
    route: pattern,
    status,
    ms: Math.round((performance.now() - startedAt) * 10) / 10,
    amr: caller?.mode ?? null,
    userId: caller && 'userId' in caller ? caller.userId : null,
    keyId: caller?.mode === 'pat' ? caller.keyId : null,
    clientIp,
  }
}
