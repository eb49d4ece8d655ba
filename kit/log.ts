/** Logs are JSON lines on stdout: one object a fact, `event` first, never a secret (gateway spec 10). */
import pino from 'pino'

export type Log = pino.Logger

/** Members that never reach a log, wherever they are, in case somebody logs a whole object. */
const REDACTED = ['authorization', 'cookie', 'token', 'password', 'key', 'secret', 'credential', 'privateKey']

/** A logger for one process. `level` is one of pino's names. */
export function createLog(options: { process: string; level: string }): Log {
  return pino({
    level: options.level,
    base: { process: options.process },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: REDACTED.flatMap(name => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
    serializers: { err: describeError },
  })
}

/** Name, message, code and causes of an error; no stack, no query parameters. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = 'code' in error ? { code: error.code } : {}
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) }
  return { name: error.name, message: messageOf(error), ...code, ...cause, at: firstFrame(error) }
}

/** drizzle writes the parameters of a failed query, whatever they hold, into its message. */
function messageOf(error: Error): string {
  return 'query' in error && 'params' in error ? `Failed query: ${error.query}` : error.message
}

function firstFrame(error: Error): string | undefined {
  return error.stack
    ?.replace(error.message, '')
    .split('\n')
    .find(line => line.trimStart().startsWith('at '))
    ?.trim()
}
