/**
 * One harness process from start to end: its lines become events, its silence and its length are limited,
 * a cancel stops the whole tree (runtime spec 2, items 4, 5 and 7).
 */

import { createPace } from '@mogplex/kit/pace.ts'
import { MAX_DEPTH } from '../events/cut-text.ts'
import { MAX_TEXT_LENGTH, redactExcerpt } from '../events/redact.ts'
import { cutMargin, redactKnown, redactShapes } from '../events/secret-texts.ts'
import type { HarnessEvent, HarnessParser, HarnessUsage } from '../harnesses/harness.ts'
import { type Line, MAX_LINE_LENGTH, readLines } from '../harnesses/lines.ts'
import type { SandboxExit, SandboxProcess } from '../sandboxes/provider.ts'
import { createEventMapper } from './event-mapping.ts'
import type { EventWriter } from './event-writer.ts'
import { LastLines } from './last-lines.ts'
import type { Lease, StopReason } from './lease.ts'

/** SIGINT first, SIGKILL after this long (runtime spec 2, item 7). */
const STOP_GRACE_MS = 5_000
/** A process that must go has little time left to see its agents end, and to say so. */
const SHUTDOWN_GRACE_MS = 1_000
/** What a failure is named from (runtime spec 3.3). */
const TAIL_LENGTH = 16_000
/** Of the names a CLI gives its session and its model. */
const MAX_NAME_LENGTH = 500
/** What is kept of a line that is JSON and too long: a tool's whole output can sit in one, and images. */
const CONDENSED_LINE = { maxDepth: MAX_DEPTH, maxMembers: 1_000, maxLength: 256 * 1024 }
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
  const { writer, lease, limits } = options
  const watch = watchLimits(child, lease, limits, () => writer.stopWaiting())
  const output = createOutputReader(parser, options, watch)
  try {
    await Promise.all([output.readStdout(child.stdout), output.readStderr(child.stderr)])
  } catch (err) {
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
  }
}

/** What both streams of a process become. */
function createOutputReader(
  parser: HarnessParser,
  { writer, secrets, onTurnEnd }: HarnessRunOptions,
  watch: Watch,
) {
  const margin = cutMargin(secrets)
  const maxLength = MAX_LINE_LENGTH + margin
  const condense = { ...CONDENSED_LINE, maxTextLength: MAX_TEXT_LENGTH + margin }
  const tails = { stdout: new LastLines(TAIL_LENGTH), stderr: new LastLines(TAIL_LENGTH) }
  const session: { id: string | null; model: string | null } = { id: null, model: null }
  const toStored = createEventMapper({ secrets })
  const pace = createPace()

  // What a CLI calls itself is its own word too: it must be fit to be stored.
  const clean = (text: string) => redactExcerpt(text, MAX_NAME_LENGTH, secrets).text

  const store = async (event: HarnessEvent) => {
    if (event.kind === 'session') {
      session.id = clean(event.sessionId)
      session.model = event.model ? clean(event.model) : session.model
      return
    }
    const isText = event.kind === 'assistant' || event.kind === 'output'
    if (isText && writer.isOutputUsedUp) return writer.drop()
    await watch.heldBack(writer.add(toStored(event)))
  }
  return {
    session,
    readStdout: async (stream: ReadableStream<Uint8Array>) => {
      for await (const { text, length } of readLines(stream, { maxLength, condense })) {
        watch.sawOutput()
        tails.stdout.add(text)
        const events = parser.line(text)
        if (parser.ended()) onTurnEnd()
        for (const event of events) {
          await store(event.kind === 'output' ? { ...event, length } : event)
          await pace()
        }
        await pace()
      }
    },
    readStderr: async (stream: ReadableStream<Uint8Array>) => {
      const lines = readLines(stream, { maxLength })
      for await (const { text, length } of joinLines(lines, watch.sawOutput)) {
        tails.stderr.add(text)
        await store({ kind: 'output', text, length })
        await pace()
      }
    },
    /** Once nothing more comes. */
    end: async () => {
      for (const event of parser.end()) await store(event)
    },
    tails: () => ({ stdoutTail: tailOf(tails.stdout, secrets), stderrTail: tailOf(tails.stderr, secrets) }),
  }
}

/** The last characters; redacted before they are cut, since half a secret is not recognised. */
function tailOf(lines: LastLines, secrets: readonly string[]): string {
  const all = lines.all().map(line => `${line}\n`)
  return redactShapes(redactKnown(all.join(''), secrets)).slice(-TAIL_LENGTH)
}

function graceMs(why: HarnessResult['endedBy']): number {
  // Whoever lost the lease must not let the agent go on for another second.
  if (why === 'lease-lost') return 0
  return why === 'shutdown' ? SHUTDOWN_GRACE_MS : STOP_GRACE_MS
}

type Watch = ReturnType<typeof watchLimits>

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

/** Joins lines that come close together into one text (runtime spec 3.2: stderr, ≤ 4,000 an event). */
async function* joinLines(lines: AsyncIterable<Line>, sawOutput: () => void): AsyncGenerator<Line> {
  let joined: Line | null = null
  let firstAtMs = 0
  for await (const line of lines) {
    sawOutput()
    const now = performance.now()
    const isFull: boolean = joined !== null && joined.text.length + line.text.length > STDERR_JOIN_LENGTH
    if (joined && (isFull || now - firstAtMs > STDERR_JOIN_MS)) {
      yield joined
      joined = null
    }
    if (!joined) firstAtMs = now
    joined = joined ? { text: `${joined.text}\n${line.text}`, length: joined.length + 1 + line.length } : line
  }
  if (joined) yield joined
}
