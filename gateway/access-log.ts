/** One line for each finished request (gateway spec 10): never a raw path, a query, a credential or a body. */
import type { Caller } from './callers/caller.ts'
import type { Exchange } from './exchange.ts'
import { inTenths } from './milliseconds.ts'

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
      held += lineOf(exchange, status)
      if (held.length >= FLUSH_AT_CHARACTERS) flush()
      else timer ??= setTimeout(flush, FLUSH_AFTER_MS)
    },
  }
}

/** Put together by hand: what cannot hold a quotation mark or a backslash needs no serializer. */
function lineOf(
  { request, requestId, pattern, startedAt, caller, clientIp }: Exchange,
  status: number,
): string {
  const ms = inTenths(performance.now() - startedAt)
  const route = pattern === null ? 'null' : `"${pattern}"`
  return (
    `{"level":${INFO},"time":"${currentTime()}","process":"gateway","event":"http.request","rid":"${requestId}",` +
    `"method":"${request.method}","route":${route},"status":${status},"ms":${ms},` +
    `${caller ? callerFields(caller) : NO_CALLER}"clientIp":"${clientIp}"}\n`
  )
}

const NO_CALLER = '"amr":null,"userId":null,"keyId":null,'

const fieldsByCaller = new WeakMap<Caller, string>()

/** The same caller comes again and again. */
function callerFields(caller: Caller): string {
  const known = fieldsByCaller.get(caller)
  if (known !== undefined) return known
  const userId = 'userId' in caller ? caller.userId : null
  const keyId = caller.mode === 'pat' ? caller.keyId : null
  const amr = caller.mode
  // Without the braces.
  const fields = `${JSON.stringify({ amr, userId, keyId }).slice(1, -1)},`
  fieldsByCaller.set(caller, fields)
  return fields
}

let millisecond = 0
let time = ''

function currentTime(): string {
  const now = Date.now()
  if (now !== millisecond) {
    millisecond = now
    time = new Date(now).toISOString()
  }
  return time
}
