/** The last lines that a process said, whatever it says before them. */
export class LastLines {
  private lines: string[] = []
  /** Lines before this one are too old. */
  private start = 0
  private length = 0

  /** `atLeast`: so many characters are kept, if there are as many, and the line in which they begin. */
  constructor(private readonly atLeast: number) {}

  add(line: string): void {
    this.lines.push(line)
    this.length += line.length + 1
    let oldest = this.lines[this.start]
    while (oldest !== undefined && this.length - oldest.length - 1 >= this.atLeast) {
      this.length -= oldest.length + 1
      this.start += 1
      oldest = this.lines[this.start]
    }
    // Now and then, since moving all of them for each line would take the square of the time.
    if (this.start < 1_000 || this.start * 2 < this.lines.length) return
    this.lines = this.lines.slice(this.start)
    this.start = 0
  }

  /** Oldest first, as they were said: with secrets. */
  all(): string[] {
    return this.lines.slice(this.start)
  }
}
