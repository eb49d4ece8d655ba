/** Logs are JSON lines on stdout: one object a fact, `event` first, never a secret (gateway spec 10). */
import pino, { type LoggerOptions } from 'pino'
import { describeError } from './describe-error.ts'
import { cleanValue } from './log-text.ts'

export type Log = pino.Logger

/** Members that never reach a log, wherever they are, in case somebody logs a whole object. */
const REDACTED = ['authorization', 'cookie', 'token', 'password', 'key', 'secret', 'credential', 'privateKey']

export interface LogOptions {
  process: string
  /** One of pino's names. */
  level: string
  /** Where lines go; to stdout unless a test looks at them. */
  write?: (line: string) => void
}

/** A logger for one process. Errors are logged as `err`, and no text as it came. */
export function createLog({ process, level, write }: LogOptions): Log {
  const options: LoggerOptions = {
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: REDACTED.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    // Already described.
    serializers: { err: (described: unknown) => described },
    // Before pino sees it, which writes the message of an error into a field of its own besides.
    hooks: {
      logMethod(said, write) {
        return write.apply(this, [cleanFields(said[0])])
      },
    },
  }
  return write ? pino(options, { write }) : pino(options)
}

/** We log one object and nothing beside it. An error is described, under whatever name. */
function cleanFields(fields: unknown): Record<string, unknown> {
  if (typeof fields !== 'object' || fields === null || fields instanceof Error)
    return { err: describeError(fields) }
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      isError(name, value) ? describeError(value) : cleanValue(value),
    ]),
  )
}

function isError(name: string, value: unknown): boolean {
  return name === 'err' || value instanceof Error
}
