/**
 * One harness process from start to end: its lines become events, its silence and its length are limited,
 * a cancel stops the whole tree (runtime spec 2, items 4, 5 and 7).
 */

import type { HarnessParser, HarnessUsage } from '../harnesses/harness.ts'
import type { SandboxExit, SandboxProcess } from '../sandboxes/provider.ts'
import type { EventWriter } from './event-writer.ts'
import type { Lease, StopReason } from './lease.ts'
import { OutputReader } from './output-reader.ts'

/** SIGINT first, SIGKILL after this long (runtime spec 2, item 7). */
const STOP_GRACE_MS = 5_000
/** A process that must go has little time left to see its agents end, and to say so. */
const SHUTDOWN_GRACE_MS = 1_000

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
  /** The model said something, called a tool or used tokens. */
  hasAnswer: boolean
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
  const { writer, lease, limits } = options
  const watch = watchLimits(child, lease, limits, () => writer.stopWaiting())
  const output = new OutputReader(parser, options, watch)
  try {
    await Promise.all([output.readStdout(child.stdout), output.readStderr(child.stderr)])
  } catch (err) {
    output.discard()
    // Nobody reads what it says any more, so nobody would notice it go on.
    await child.stop(0)
    throw err
  } finally {
    watch.end()
  }
  const exit = await child.exited
  await output.end()
  await writer.flush()
  return {
    ...exit,
    endedBy: watch.endedBy() ?? 'exit',
    ...output.tails(),
    usage: parser.usage(),
    sessionId: output.session.id,
    model: output.session.model,
    saidFailed: parser.failed(),
    hasAnswer: output.hasAnswer,
  }
}

function graceMs(why: HarnessResult['endedBy']): number {
  // Whoever lost the lease must not let the agent go on for another second.
  if (why === 'lease-lost') return 0
  return why === 'shutdown' ? SHUTDOWN_GRACE_MS : STOP_GRACE_MS
}

/**
 * Stops the process for whichever limit or stop comes first, and remembers which it was. `onEnd` is called then:
 * nothing may keep its last words from being read, or it would wait for ever to say them.
 */
function watchLimits(child: SandboxProcess, lease: Lease, limits: HarnessLimits, onEnd: () => void) {
  let endedBy: HarnessResult['endedBy'] | null = null
  let lastOutputMs = performance.now()
  let held = 0
  const end = (why: HarnessResult['endedBy']) => {
    if (endedBy) return
    endedBy = why
    onEnd()
    void child.stop(graceMs(why))
  }
  const onStop = () => end(lease.stopReason() ?? 'lease-lost')
  const total = setTimeout(() => end('timeout'), limits.timeoutMs)
  const sawOutput = () => {
    lastOutputMs = performance.now()
  }
  const checkIdle = () => {
    // Whoever is not read is not silent.
    if (held > 0) sawOutput()
    if (performance.now() - lastOutputMs > limits.idleTimeoutMs) end('idle_timeout')
  }
  const idle = setInterval(checkIdle, Math.min(1_000, limits.idleTimeoutMs))
  lease.signal.addEventListener('abort', onStop)
  if (lease.signal.aborted) onStop()
  return {
    sawOutput,
    /** Waits for what keeps the output from being read. */
    heldBack: async (waiting: Promise<void>) => {
      held += 1
      try {
        await waiting
      } finally {
        held -= 1
      }
    },
    endedBy: () => endedBy,
    end: () => {
      clearTimeout(total)
      clearInterval(idle)
      lease.signal.removeEventListener('abort', onStop)
    },
  }
}
