/** Keeps one program running: starts it, watches it, starts it again when it ends, ends it when told. */
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { signalGroup } from '../left-overs.ts'
import { nextDelayMs } from './back-off.ts'

export interface Program {
  name: string
  command: readonly string[]
  environment: Record<string, string | undefined>
  directory: string
  /** Asks it to end in good order. */
  stopSignal: NodeJS.Signals
  isReady: () => Promise<boolean>
  /** Runs before every start. */
  prepare?: () => Promise<void>
  /** Asked before every start how it is started this time; otherwise always as above. */
  startAs?: () => Promise<StartedAs>
}

/** What may differ from start to start. */
export type StartedAs = Pick<Program, 'command' | 'environment'>

export interface Watcher {
  /** What it writes to stdout and stderr. */
  onOutput: (bytes: Uint8Array) => void
  /** A sentence for the person at the terminal. */
  onNews: (text: string) => void
  /** It runs with this pid now, or does not run (null). */
  onPid: (pid: number | null) => void
}

export interface Supervised {
  name: string
  /**
   * Resolves when it first is ready. Rejects when it ended {@link MAX_FAILED_STARTS} times before it ever
   * was, or is not within the limit.
   */
  ready: (limitMs: number) => Promise<void>
  /** Asks it to end, and kills it and what it started when it has not within the limit. No more restarts. */
  stop: (limitMs: number) => Promise<void>
  /** SIGKILL to it and what it started, at once. No more restarts. */
  kill: () => void
}

const MAX_FAILED_STARTS = 5
const READY_POLL_MS = 40
const LAST_WORDS_MS = 500

/** Starts it at once. */
export function supervise(program: Program, watcher: Watcher): Supervised {
  let child: Bun.Subprocess<'ignore', 'pipe', 'pipe'> | null = null
  let isEnding = false
  let wasReady = false
  let failedStarts = 0
  let delayMs = 0
  let endWaiting: () => void = () => undefined

  /** Resolves with how it ended. */
  const runOnce = async (): Promise<string> => {
    await program.prepare?.()
    const startedAs = await program.startAs?.()
    if (isEnding) return 'not started'
    const started = spawn({ ...program, ...startedAs })
    child = started
    watcher.onPid(started.pid)
    const output = Promise.all([pump(started.stdout, watcher), pump(started.stderr, watcher)])
    void announceReady(started)
    await started.exited
    child = null
    // What it started must not work on beside its successor.
    signalGroup(started.pid, 'SIGKILL')
    watcher.onPid(null)
    // Somebody it started outside its group may still hold the pipe: not waited for.
    await Promise.race([output, Bun.sleep(LAST_WORDS_MS)])
    return String(started.signalCode ?? `exit code ${started.exitCode}`)
  }

  const announceReady = async (started: Bun.Subprocess) => {
    const isOver = () => started.exitCode !== null || started.signalCode !== null || isEnding
    await waitUntil(async () => isOver() || (await program.isReady()), {
      limitMs: Number.POSITIVE_INFINITY,
      everyMs: READY_POLL_MS,
    })
    if (isOver()) return
    if (wasReady) watcher.onNews('is back')
    wasReady = true
  }

  const keepRunning = async () => {
    while (!isEnding) {
      const startedAt = performance.now()
      const reason = await runOnce().catch(err => (err instanceof Error ? err.message : String(err)))
      if (isEnding) return
      if (!wasReady) failedStarts += 1
      delayMs = nextDelayMs(delayMs, performance.now() - startedAt)
      watcher.onNews(`ended (${reason}); starting it again in ${delayMs / 1000} s`)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, delayMs)
        endWaiting = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
  const finished = keepRunning()

  const kill = () => {
    isEnding = true
    endWaiting()
    if (child) signalGroup(child.pid, 'SIGKILL')
  }

  return {
    name: program.name,
    ready: async limitMs => {
      const hasFailed = () => failedStarts >= MAX_FAILED_STARTS || isEnding
      await waitUntil(() => wasReady || hasFailed(), { limitMs, everyMs: READY_POLL_MS / 2 })
      if (!wasReady) throw new Error(`${program.name} ${hasFailed() ? 'does not start' : 'is not ready'}`)
    },
    stop: async limitMs => {
      isEnding = true
      endWaiting()
      child?.kill(program.stopSignal)
      const isOver = await Promise.race([finished.then(() => true), Bun.sleep(limitMs).then(() => false)])
      if (!isOver) {
        watcher.onNews('did not end in time and was killed')
        kill()
        await finished
      }
    },
    kill,
  }
}

/** As leader of a session and group of its own: a ctrl-C at the terminal reaches the launcher alone. */
function spawn({ command, environment, directory }: Program): Bun.Subprocess<'ignore', 'pipe', 'pipe'> {
  return Bun.spawn([...command], {
    env: environment,
    cwd: directory,
    detached: true,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

async function pump(stream: ReadableStream<Uint8Array>, { onOutput }: Watcher): Promise<void> {
  for await (const bytes of stream) onOutput(bytes)
}
