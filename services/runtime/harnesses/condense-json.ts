/**
 * Makes a JSON text of any size small while it is being read: long strings lose their end, deep values and
 * members beyond a number are left out. What is kept is as it was, in order, so a result whose tool output is
 * megabytes long still says how it ended.
 */

export interface CondenseLimits {
  /** UTF-16 units kept of a string, an escape counted as what it stands for. */
  maxTextLength: number
  /** Values that are deeper become `"[truncated]"`; the outermost is at depth 1. */
  maxDepth: number
  /** Kept members of one object, entries of one array. */
  maxMembers: number
  /** No member begins behind this many characters of the result. */
  maxLength: number
}

interface Frame {
  close: string
  members: number
  /** Whatever else it holds is left out. */
  isFull: boolean
}

const TRUNCATED = '"[truncated]"'
/** Longer than any number that means something. */
const MAX_LITERAL_LENGTH = 64
const LITERAL = /^(?:true|false|null|-?\d[\d.eE+-]*)$/
const QUOTE = 34
const BACKSLASH = 92

/** Reads one value, in any pieces. It does not check all of JSON's grammar: parse what it gives. */
export class JsonCondenser {
  private readonly frames: Frame[] = []
  private result = ''
  /** Up to here the result is JSON once the frames are closed. */
  private wholeLength = 0
  /** Open containers of a value that is left out. */
  private skipped = 0
  private literal = ''
  private inString = false
  /** Where in the result the last string began. */
  private stringStart = 0
  /** Units of the current string that were kept. */
  private kept = 0
  /** An escape whose end has not been read yet. */
  private escape = ''
  private isBroken = false
  private isRootRead = false

  constructor(private readonly limits: CondenseLimits) {}

  write(piece: string): void {
    for (let at = 0; at < piece.length && !this.isBroken; ) {
      at = this.inString ? this.readString(piece, at) : this.readToken(piece, at)
    }
  }

  /** `begun`: as far as it was read it may be JSON. */
  state(): 'complete' | 'begun' | 'broken' {
    if (this.isBroken) return 'broken'
    return this.isRootRead && this.literal === '' ? 'complete' : 'begun'
  }

  /**
   * The small JSON. Of a text that has only begun, a member that is cut off at the end is left out; a string stays
   * as far as it was read if `mark` is given, which is then put behind it.
   */
  end(mark?: string): string {
    const closing = this.frames.map(frame => frame.close).toReversed()
    return this.wholePart(mark) + closing.join('')
  }

  private wholePart(mark: string | undefined): string {
    if (this.isRootRead) return this.result
    const before = this.result.slice(0, this.stringStart)
    const isInArray = this.frames.at(-1)?.close === ']'
    const isValue = this.inString && this.isKept() && (isInArray || before.endsWith(':'))
    return isValue && mark !== undefined ? `${this.result}${mark}"` : this.result.slice(0, this.wholeLength)
  }

  private isKept(): boolean {
    return this.skipped === 0 && this.frames.at(-1)?.isFull !== true
  }

  private emit(text: string): void {
    if (this.isKept()) this.result += text
  }

  /** Takes one character outside of strings; gives the place behind it. */
  private readToken(text: string, at: number): number {
    const char = text.charAt(at)
    const isPartOfLiteral = !'"{}[],: \t\r\n'.includes(char)
    if (isPartOfLiteral) {
      if (this.isRootRead) this.isBroken = true
      if (this.literal.length <= MAX_LITERAL_LENGTH) this.literal += char
      else if (!/[\d.eE+-]/.test(char)) this.isBroken = true
      return at + 1
    }
    this.endLiteral()
    if (char === '"') this.beginString()
    else if (char === '{' || char === '[') this.open(char)
    else if (char === '}' || char === ']') this.close(char)
    else if (char === ',') this.separate()
    else if (char === ':') this.emit(':')
    return at + 1
  }

  private endLiteral(): void {
    if (this.literal === '') return
    if (!LITERAL.test(this.literal)) this.isBroken = true
    this.emit(this.literal.length > MAX_LITERAL_LENGTH ? 'null' : this.literal)
    if (this.frames.length === 0) this.isRootRead = true
    this.literal = ''
  }

  private open(bracket: '{' | '['): void {
    if (this.isRootRead) this.isBroken = true
    if (!this.isKept()) {
      this.skipped += 1
    } else if (this.frames.length >= this.limits.maxDepth) {
      this.result += TRUNCATED
      this.skipped = 1
    } else {
      this.result += bracket
      this.frames.push({ close: bracket === '{' ? '}' : ']', members: 0, isFull: false })
      this.wholeLength = this.result.length
    }
  }

  private close(bracket: '}' | ']'): void {
    if (this.skipped > 0) {
      this.skipped -= 1
      return
    }
    if (this.frames.pop()?.close !== bracket) this.isBroken = true
    this.result += bracket
    this.wholeLength = this.result.length
    if (this.frames.length === 0) this.isRootRead = true
  }

  private separate(): void {
    const frame = this.frames.at(-1)
    if (!frame) this.isBroken = true
    if (!frame || !this.isKept()) return
    this.wholeLength = this.result.length
    frame.members += 1
    const { maxMembers, maxLength } = this.limits
    frame.isFull = frame.members >= maxMembers || this.result.length > maxLength
    this.emit(',')
  }

  private beginString(): void {
    if (this.isRootRead) this.isBroken = true
    this.inString = true
    this.kept = 0
    this.stringStart = this.result.length
    this.emit('"')
  }

  /** Reads on in a string from `start`; gives the place behind what it took. */
  private readString(text: string, start: number): number {
    if (this.escape !== '') return this.readEscape(text, start)
    let end = start
    for (; end < text.length; end += 1) {
      const unit = text.charCodeAt(end)
      if (unit === QUOTE || unit === BACKSLASH) break
    }
    const room = this.limits.maxTextLength - this.kept
    this.keep(text.slice(start, Math.min(end, start + room)), end - start)
    if (end === text.length) return end
    if (text.charCodeAt(end) === BACKSLASH) {
      this.escape = '\\'
      return end + 1
    }
    this.inString = false
    this.emit('"')
    if (this.frames.length === 0) this.isRootRead = true
    return end + 1
  }

  private readEscape(text: string, start: number): number {
    const isUnicode = (this.escape.charAt(1) || text.charAt(start)) === 'u'
    const length = isUnicode ? 6 : 2
    const piece = text.slice(start, start + length - this.escape.length)
    this.escape += piece
    if (this.escape.length === length) {
      this.keep(this.escape, 1)
      this.escape = ''
    }
    return start + piece.length
  }

  private keep(source: string, units: number): void {
    if (this.kept < this.limits.maxTextLength) this.emit(source)
    this.kept = Math.min(this.kept + units, this.limits.maxTextLength)
  }
}
