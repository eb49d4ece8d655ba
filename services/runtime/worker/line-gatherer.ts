/**
 * Joins lines that come close together into one text (runtime spec 3.2: 250 ms, 4,000 characters an event), so that
 * a chatty process makes hundreds of events and not one a line.
 */
import type { Line } from '../harnesses/lines.ts'

const JOIN_MS = 250
export const MAX_JOINED_LENGTH = 4_000

export class LineGatherer {
  private joined: Line | null = null
  private firstAtMs = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  /** What the timer began to store. */
  private late: Promise<void> = Promise.resolve()

  /** `store` takes its place among other events before it first waits; what it rejects with, the next call does. */
  constructor(private readonly store: (line: Line) => Promise<void>) {}

  /** Resolves when there is room for more. A line that is too long to be joined stays alone. */
  async add(line: Line): Promise<void> {
    if (this.joined && (this.isFullWith(line) || performance.now() - this.firstAtMs > JOIN_MS)) {
      await this.flush()
    }
    const { joined } = this
    if (joined) {
      this.joined = { text: `${joined.text}\n${line.text}`, length: joined.length + 1 + line.length }
      return
    }
    this.joined = line
    this.firstAtMs = performance.now()
    // Nobody who watches waits for the next line to see this one.
    this.timer = setTimeout(() => {
      this.late = this.take()
      this.late.catch(() => undefined)
    }, JOIN_MS)
  }

  /** To be called before anything is stored that came after the lines. */
  async flush(): Promise<void> {
    await Promise.all([this.late, this.take()])
  }

  /** Lets go of the lines: nothing is stored any more. */
  discard(): void {
    clearTimeout(this.timer)
    this.joined = null
  }

  private isFullWith({ text }: Line): boolean {
    return this.joined !== null && this.joined.text.length + 1 + text.length > MAX_JOINED_LENGTH
  }

  private async take(): Promise<void> {
    clearTimeout(this.timer)
    const { joined } = this
    this.joined = null
    if (joined) await this.store(joined)
  }
}
