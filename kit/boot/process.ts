/** The life of a process of ours: one clear line when it cannot start, an orderly end on SIGTERM. */
import { ConfigError } from '../config.ts'
import { describeError } from '../describe-error.ts'
import { createLog, type Log } from '../log.ts'

/** Things to end, last started first. */
export type Closer = () => Promise<void>

/** A backstop; each closer has a limit of its own, runtime the longest (its runs). */
const STOP_LIMIT_MS = 45_000

/**
 * Runs `start`, which resolves with what to close. Exits 1 when it throws. SIGTERM closes everything in
 * reverse order and exits 0; SIGINT is ignored, because the launcher alone answers ctrl-C.
 */
export async function runProcess(name: string, start: (log: Log) => Promise<Closer[]>): Promise<void> {
  const log = createLog({ process: name, level: process.env.LOG_LEVEL?.trim() || 'info' })
  process.on('SIGINT', () => undefined)
  process.on('unhandledRejection', err => log.error({ event: 'process.unhandled', err }))
  process.on('uncaughtException', err => {
    // Bun would print the error with all its members, a statement's parameters among them.
    log.fatal({ event: 'process.uncaught', err })
    process.exit(1)
  })
  takeConsole(log)
  try {
    const closers = await start(log)
    log.info({ event: 'process.ready' })
    process.once('SIGTERM', () => void end(closers, log))
  } catch (err) {
    if (err instanceof ConfigError)
      for (const line of err.message.split('\n')) log.fatal({ event: 'config', message: line })
    else log.fatal({ event: 'process.cannot-start', err })
    process.exit(1)
  }
}

/** What libraries print goes by the log, where values are left out. */
function takeConsole(log: Log): void {
  const note = (...said: unknown[]) =>
    log.warn({
      event: 'console',
      said: said.map(each => (each instanceof Error ? describeError(each) : each)),
    })
  Object.assign(console, { log: note, info: note, warn: note, error: note, debug: note, trace: note })
}

async function end(closers: Closer[], log: Log): Promise<void> {
  log.info({ event: 'process.stopping' })
  const closing = (async () => {
    for (const close of closers.toReversed()) {
      await close().catch(err => log.warn({ event: 'process.close-failed', err }))
    }
  })()
  await Promise.race([closing, Bun.sleep(STOP_LIMIT_MS)])
  process.exit(0)
}
