/** What both streams of a harness process become: events, and the tails that a failure is named from. */
import { createPace } from '@mogplex/kit/pace.ts'
import { MAX_DEPTH } from '../events/cut-text.ts'
import { MAX_TEXT_LENGTH, redactExcerpt, redactStructure } from '../events/redact.ts'
import { cutMargin, redactKnown, redactShapes } from '../events/secret-texts.ts'
import type { HarnessEvent, HarnessParser } from '../harnesses/harness.ts'
import { type Line, MAX_LINE_LENGTH, readLines } from '../harnesses/lines.ts'
import { createEventMapper } from './event-mapping.ts'
import type { EventWriter } from './event-writer.ts'
import { LastLines } from './last-lines.ts'
import { LineGatherer, MAX_JOINED_LENGTH } from './line-gatherer.ts'

/** What a failure is named from (runtime spec 3.3). */
const TAIL_LENGTH = 16_000
/** Of the names a CLI gives its session and its model. */
const MAX_NAME_LENGTH = 500
/** What is kept of a line that is JSON and too long: a tool's whole output can sit in one, and images. */
const CONDENSED_LINE = { maxDepth: MAX_DEPTH, maxMembers: 1_000, maxLength: 256 * 1024 }

export interface OutputReaderOptions {
  writer: EventWriter
  /** Kept out of what is stored and of the tails. */
  secrets: readonly string[]
  /** Called, perhaps more than once, when the CLI says that it is about to end. */
  onTurnEnd: () => void
}

/** Who must know that the process says something, or that it is not read for a while. */
export interface OutputWatch {
  sawOutput(): void
  heldBack(waiting: Promise<void>): Promise<void>
}

type Bytes = ReadableStream<Uint8Array>

/** One reader a process. Both streams are read at once; then either `end` or `discard`. */
export class OutputReader {
  readonly session: { id: string | null; model: string | null } = { id: null, model: null }
  private sawAnswer = false
  private readonly stdoutTail = new LastLines(TAIL_LENGTH)
  private readonly stderrTail = new LastLines(TAIL_LENGTH)
  private readonly said = new LineGatherer(line => this.store({ kind: 'output', ...line }))
  private readonly logged = new LineGatherer(line => this.store({ kind: 'output', ...line }))
  private readonly toStored: ReturnType<typeof createEventMapper>
  private readonly pace = createPace()
  private readonly margin: number

  constructor(
    private readonly parser: HarnessParser,
    private readonly options: OutputReaderOptions,
    private readonly watch: OutputWatch,
  ) {
    this.toStored = createEventMapper(options)
    this.margin = cutMargin(options.secrets)
  }

  async readStdout(stream: Bytes): Promise<void> {
    const { parser } = this
    const condense = { ...CONDENSED_LINE, maxTextLength: MAX_TEXT_LENGTH + this.margin }
    const maxLength = MAX_LINE_LENGTH + this.margin
    for await (const { text, length } of readLines(stream, { maxLength, condense })) {
      this.watch.sawOutput()
      this.stdoutTail.add(text)
      const events = parser.line(text)
      if (parser.ended()) this.options.onTurnEnd()
      for (const event of events) {
        await this.addSaid(event, length)
        await this.pace()
      }
      await this.pace()
    }
  }

  async readStderr(stream: Bytes): Promise<void> {
    for await (const line of readLines(stream, { maxLength: MAX_LINE_LENGTH + this.margin })) {
      this.watch.sawOutput()
      this.stderrTail.add(line.text)
      await this.logged.add(this.cleaned(line))
      await this.pace()
    }
  }

  /** Whether the model has answered at all, as far as the CLI lets it be seen. */
  get hasAnswer(): boolean {
    return this.sawAnswer || (this.parser.usage().outputTokens ?? 0) > 0
  }

  /** Once nothing more comes. */
  async end(): Promise<void> {
    await this.said.flush()
    await this.logged.flush()
    for (const event of this.parser.end()) await this.store(event)
  }

  /** When nothing more is to be stored. */
  discard(): void {
    this.said.discard()
    this.logged.discard()
  }

  tails() {
    const { secrets } = this.options
    return {
      stdoutTail: tailOf(this.stdoutTail, secrets),
      stderrTail: tailOf(this.stderrTail, secrets),
    }
  }

  /** `length`: of the line the event came in. */
  private async addSaid(event: HarnessEvent, length: number): Promise<void> {
    if (event.kind === 'output') return this.said.add(this.cleaned({ text: event.text, length }))
    await this.said.flush()
    await this.store(event)
  }

  /** By itself, because among others a line that is JSON would not be recognised any more. */
  private cleaned({ text, length }: Line): Line {
    return text.length > MAX_JOINED_LENGTH
      ? { text, length }
      : { text: redactStructure(text, this.options.secrets), length }
  }

  /** The events have their place when this first waits. */
  private async store(event: HarnessEvent): Promise<void> {
    if (event.kind === 'session') {
      this.session.id = this.nameOf(event.sessionId)
      this.session.model = event.model ? this.nameOf(event.model) : this.session.model
      return
    }
    if (event.kind === 'assistant' || event.kind === 'tool_started') this.sawAnswer = true
    const { writer } = this.options
    const isText = event.kind === 'assistant' || event.kind === 'output'
    if (isText && writer.isOutputUsedUp) return writer.drop()
    await this.watch.heldBack(writer.add(this.toStored(event)))
  }

  /** What a CLI calls itself is its own word too: it must be fit to be stored. */
  private nameOf(text: string): string {
    return redactExcerpt(text, MAX_NAME_LENGTH, this.options.secrets).text
  }
}

/** The last characters; redacted before they are cut, since half a secret is not recognised. */
function tailOf(lines: LastLines, secrets: readonly string[]): string {
  const all = lines.all().map(line => `${redactStructure(line, secrets)}\n`)
  return redactShapes(redactKnown(all.join(''), secrets)).slice(-TAIL_LENGTH)
}
