/** Takes the bytes of a body out of the bytes of a connection. */
import type { Framing } from './framing.ts'
import { isFieldSection, MalformedMessage } from './head.ts'
import { JoinedParts } from './joined-parts.ts'

/** A chunk's size with its extensions, which nobody here knows any of and which are dropped. */
const SIZE_LINE = /^([0-9a-fA-F]{1,8})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n$/
const MAX_SIZE_LINE = 1_024
const MAX_TRAILERS = 8_192
const MAX_SIZE_DIGITS = 8
const CARRIAGE_RETURN = 0x0d
const LINE_FEED = 0x0a

type Expecting = 'bytes' | 'size' | 'end-of-chunk' | 'trailers' | 'nothing'

/** One for each body. */
export class BodyDecoder {
  #expecting: Expecting
  readonly #isChunked: boolean
  #missing: number
  #line = ''
  #trailers = ''

  constructor(framing: Framing) {
    this.#isChunked = framing === 'chunked'
    this.#missing = typeof framing === 'number' ? framing : Number.POSITIVE_INFINITY
    this.#expecting = this.#isChunked ? 'size' : this.#missing === 0 ? 'nothing' : 'bytes'
  }

  /** Whether the whole body was there. One that lasts until the connection ends never is. */
  get isDone(): boolean {
    return this.#expecting === 'nothing'
  }

  /**
   * Hands the body's bytes in `data` from `offset` on to `onBytes`, all in one part, and returns the offset of what no
   * longer belongs to it. Throws {@link MalformedMessage}, after the bytes before the fault.
   */
  decode(data: Buffer, offset: number, onBytes: (bytes: Buffer) => void): number {
    const chunks = new JoinedParts(data.length - offset)
    let at = offset
    try {
      while (at < data.length && this.#expecting !== 'nothing') {
        if (this.#expecting === 'bytes') at = this.#takeBytes(data, at, chunks)
        else at = this.#takePlainLine(data, at) ?? this.#takeLine(data, at)
      }
    } finally {
      if (chunks.byteLength > 0) onBytes(chunks.take())
    }
    return at
  }

  #takeBytes(data: Buffer, at: number, chunks: JoinedParts): number {
    const end = Math.min(data.length, at + this.#missing)
    this.#missing -= end - at
    if (this.#missing === 0) this.#expecting = this.#isChunked ? 'end-of-chunk' : 'nothing'
    chunks.append(data, at, end)
    return end
  }

  /**
   * What nearly all lines among chunks are, without making a text of them: a size and nothing else, or nothing at all.
   * Null for any other line, and for one that is not whole.
   */
  #takePlainLine(data: Buffer, at: number): number | null {
    if (this.#line !== '' || this.#expecting === 'trailers') return null
    let end = at
    let size = 0
    if (this.#expecting === 'size') {
      for (let digit = hexDigit(data[end]); digit >= 0; digit = hexDigit(data[end])) {
        size = size * 16 + digit
        end += 1
      }
      if (end === at || end - at > MAX_SIZE_DIGITS) return null
    }
    if (data[end] !== CARRIAGE_RETURN || data[end + 1] !== LINE_FEED) return null
    if (this.#expecting === 'size') this.#begin(size)
    else this.#expecting = 'size'
    return end + 2
  }

  #begin(size: number): void {
    this.#missing = size
    this.#expecting = size === 0 ? 'trailers' : 'bytes'
  }

  #takeLine(data: Buffer, at: number): number {
    const lineFeed = data.indexOf(LINE_FEED, at)
    const end = lineFeed < 0 ? data.length : lineFeed + 1
    if (end - at + this.#line.length > MAX_SIZE_LINE) throw new MalformedMessage('a line among chunks')
    this.#line += data.toString('latin1', at, end)
    if (lineFeed >= 0) {
      const line = this.#line
      this.#line = ''
      this.#takeWholeLine(line)
    }
    return end
  }

  #takeWholeLine(line: string): void {
    if (this.#expecting === 'size') {
      const size = SIZE_LINE.exec(line)?.[1]
      if (size === undefined) throw new MalformedMessage('chunk size')
      this.#begin(Number.parseInt(size, 16))
    } else if (this.#expecting === 'end-of-chunk') {
      if (line !== '\r\n') throw new MalformedMessage('end of chunk')
      this.#expecting = 'size'
    } else {
      this.#trailers += line
      if (this.#trailers.length > MAX_TRAILERS) throw new MalformedMessage('trailers')
      if (line !== '\r\n') return
      // Dropped, as whoever wants them must have said so; but held against the grammar all the same.
      if (!isFieldSection(this.#trailers)) throw new MalformedMessage('trailers')
      this.#expecting = 'nothing'
    }
  }
}

/** The value of a digit; -1 for any other character, and for none. */
function hexDigit(code = 0): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
