/**
 * One harness process from start to end: its lines become events, its silence and its length are limited,
 * a cancel stops the whole tree (runtime spec 2, items 4, 5 and 7).
 */

import { redactMessage } from '../events/redact.ts'
import { redactKnown } from '../events/secret-texts.ts'
import type { HarnessEvent, HarnessParser, HarnessUsage } from '../harnesses/harness.ts'
import { readLines } from '../harnesses/lines.ts'
import type { SandboxExit, SandboxProcess } from '../sandboxes/provider.ts'
import { createEventMapper, outputEvents } from './event-mapping.ts'
import type { EventWriter } from './event-writer.ts'
import type { Lease, StopReason } from './lease.ts'

/** SIGINT first, SIGKILL after this long (runtime spec 2, item 7). */
const STOP_GRACE_MS = 5_000
/** A process that must go has little time left to see its agents end, and to say so. */
const SHUTDOWN_GRACE_MS = 1_000
const TAIL_LENGTH = 16_000
const STDERR_JOIN_MS = 250
const STDERR_JOIN_LENGTH = 4_000

export interface HarnessLimits {
  timeoutMs: number
  idleTimeoutMs: number
}

export interface HarnessResult extends SandboxExit {
  endedBy: 'exit' | 'timeout' | 'idle_timeout' | StopReason
  stdoutTail: string
  stderrTail: string
  usage: HarnessUsage
  sessionId: string | null
  model: string | null
  /** The CLI reported a failed turn, whatever its exit code. */
  saidFailed: boolean
}

export interface HarnessRunOptions {
  writer: EventWriter
  lease: Lease
  limits: HarnessLimits
  /** Kept out of what is stored and of the tails. */
  secrets: readonly string[]
  /** Called, perhaps more than once, when the CLI says that it is about to end. */
  onTurnEnd: () => void
}

/** Resolves once the process tree is gone and every event is stored. */
export async function runHarness(
  child: SandboxProcess,
  parser: HarnessParser,
  options: HarnessRunOptions,
): Promise<HarnessResult> {
  const { writer, lease, limits, secrets } = options
  const tails = { stdout: '', stderr: '' }
  const session: { id: string | null; model: string | null } = { id: null, model: null }
  const watch = watchLimits(child, lease, limits)
  const toStored = createEventMapper({ secrets })

  // What a CLI calls itself is its own word too: it must be fit to be stored.
  const clean = (text: string) => redactMessage(text, secrets)

  const store = async (events: HarnessEvent[]) => {
    for (const event of events) {
      if (event.kind === 'session')
        Object.assign(session, {
          id: clean(event.sessionId),
          model: event.model ? clean(event.model) : session.model,
        })
      await writer.add(toStored(event))
    }
  }
  const readStdout = async () => {
    for await (const line of readLines(child.stdout)) {
      watch.sawOutput()
      tails.stdout = tail(tails.stdout, redactKnown(line, secrets))
      const events = parser.line(line)
      if (parser.ended()) options.onTurnEnd()
      await store(events)
    }
  }
  const readStderr = async () => {
    for await (const text of joinLines(readLines(child.stderr), watch.sawOutput)) {
      tails.stderr = tail(tails.stderr, redactKnown(text, secrets))
      await writer.add(outputEvents(text, secrets))
    }
  }

  await Promise.all([readStdout(), readStderr()])
  const exit = await child.exited
  watch.end()
  await store(parser.end())
  await writer.flush()
  return {
    ...exit,
    endedBy: watch.endedBy() ?? 'exit',
    stdoutTail: tails.stdout,
    stderrTail: tails.stderr,
    usage: parser.usage(),
    sessionId: session.id,
    model: session.model,
    saidFailed: parser.failed(),
  }
}

function tail(before: string, line: string): string {
  return `${before}${line}\n`.slice(-TAIL_LENGTH)
}

function graceMs(why: HarnessResult['endedBy']): number {
  // Whoever lost the lease must not let the agent go on for another second.
  if (why === 'lease-lost') return 0
  return why === 'shutdown' ? SHUTDOWN_GRACE_MS : STOP_GRACE_MS
}

/** Stops the process for whichever limit or stop comes first, and remembers which it was. */
function watchLimits(child: SandboxProcess, lease: Lease, limits: HarnessLimits) {
  let endedBy: HarnessResult['endedBy'] | null = null
  let lastOutputMs = performance.now()
  const end = (why: HarnessResult['endedBy']) => {
    if (endedBy) return
    endedBy = why
    void child.stop(graceMs(why))
  }
  const onStop = () => end(lease.stopReason() ?? 'lease-lost')
  const total = setTimeout(() => end('timeout'), limits.timeoutMs)
  const idle = setInterval(
    () => {
      if (performance.now() - lastOutputMs > limits.idleTimeoutMs) end('idle_timeout')
    },
    Math.min(1_000, limits.idleTimeoutMs),
  )
  lease.signal.addEventListener('abort', onStop)
  if (lease.signal.aborted) onStop()
  return {
    sawOutput: () => {
      lastOutputMs = performance.now()
    },
    endedBy: () => endedBy,
    end: () => {
      clearTimeout(total)
      clearInterval(idle)
      lease.signal.removeEventListener('abort', onStop)
    },
  }
}

/** Joins lines that come close together into one text (runtime spec 3.2: stderr, ≤ 4,000 an event). */
async function* joinLines(lines: AsyncIterable<string>, sawOutput: () => void): AsyncGenerator<string> {
  let joined = ''
  let firstAtMs = 0
  for await (const line of lines) {
    sawOutput()
    const now = performance.now()
    const isFull = joined.length + line.length > STDERR_JOIN_LENGTH
    if (joined && (isFull || now - firstAtMs > STDERR_JOIN_MS)) {
      yield joined
      joined = ''
    }
    if (!joined) firstAtMs = now
    joined = joined ? `${joined}\n${line}` : line
  }
  if (joined) yield joined
}
