/** The end of what a process said, for naming why it failed (runtime spec 3.3). */
import { redactKnown, redactShapes } from '../events/secret-texts.ts'

const TAIL_LENGTH = 16_000

export class LastLines {
  private lines: string[] = []
  /** Lines before this one are too old. */
  private start = 0
  private length = 0

  add(line: string): void {
    this.lines.push(line)
    this.length += line.length + 1
    for (let oldest = this.lines[this.start]; ; oldest = this.lines[this.start]) {
      if (oldest === undefined || this.length - oldest.length - 1 < TAIL_LENGTH) break
      this.length -= oldest.length + 1
      this.start += 1
    }
    if (this.start < 1_000) return
    this.lines = this.lines.slice(this.start)
    this.start = 0
  }

  /** The last 16,000 characters; redacted before they are cut, since half a secret is not recognised. */
  text(secrets: readonly string[]): string {
    const all = this.lines.slice(this.start).map(line => `${line}\n`)
    return redactShapes(redactKnown(all.join(''), secrets)).slice(-TAIL_LENGTH)
  }
}
