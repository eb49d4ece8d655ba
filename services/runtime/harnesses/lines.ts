/** From a byte stream to its lines, none of which can fill the memory. */
import { createPace } from '@mogplex/kit/pace.ts'
import { type CondenseLimits, JsonCondenser } from './condense-json.ts'

/** More of a line is not kept, unless it is JSON that can be condensed. */
export const MAX_LINE_LENGTH = 64 * 1024
/** As much is read without a look at the time: a stream that was not read for a while hands out megabytes. */
const PIECE_BYTES = 32 * 1024

export interface Line {
  text: string
  /** How many UTF-16 units the line had; more than `text` has when that is not all of it. */
  length: number
}

export interface LineOptions {
  /** A longer line is cut there and its rest dropped while it is being read. Default {@link MAX_LINE_LENGTH}. */
  maxLength?: number
  /** Given: a longer line that is a JSON object is condensed to this instead of being cut. */
  condense?: CondenseLimits
}

/**
 * Yields each line without its line end (`\n` or `\r\n`), the last one also without any. Bytes that are not
 * UTF-8 become U+FFFD. How the bytes are cut into chunks makes no difference. Others get their turn meanwhile,
 * however long a line is.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  options: LineOptions = {},
): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const line = new OpenLine(options)
  function* split(text: string) {
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      line.add(text.slice(start, end))
      yield line.take()
      start = end + 1
    }
    line.add(text.slice(start))
  }

  const pace = createPace()
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      yield* split(decoder.decode(chunk.subarray(at, at + PIECE_BYTES), { stream: true }))
      await pace()
    }
  }
  yield* split(decoder.decode())
  if (line.length > 0) yield line.take()
}

/** The line that is being read. */
class OpenLine {
  length = 0
  private pieces: string[] = []
  /** Of `pieces`, together. */
  private keptLength = 0
  private condenser: JsonCondenser | null = null
  private endsWithReturn = false

  constructor(private readonly options: LineOptions) {}

  add(text: string): void {
    if (text === '') return
    this.length += text.length
    this.endsWithReturn = text.endsWith('\r')
    // One unit more than is given out, so that a `\r` right behind the limit still counts as a line end.
    const room = this.maxLength + 1 - this.keptLength
    if (room > 0) {
      this.pieces.push(text.slice(0, room))
      this.keptLength += Math.min(room, text.length)
    }
    if (this.condenser) this.condenser.write(text)
    else if (text.length > room) this.condenseFromNowOn(text.slice(room))
  }

  take(): Line {
    const length = this.endsWithReturn ? this.length - 1 : this.length
    const head = this.pieces.join('').slice(0, Math.min(this.maxLength, length))
    const isCondensed = this.condenser?.state() === 'complete'
    const text = this.condenser && isCondensed && length > this.maxLength ? this.condenser.end() : head
    this.pieces = []
    this.length = 0
    this.keptLength = 0
    this.condenser = null
    this.endsWithReturn = false
    return { text, length }
  }

  private get maxLength(): number {
    return this.options.maxLength ?? MAX_LINE_LENGTH
  }

  /** `rest`: what found no room any more. */
  private condenseFromNowOn(rest: string): void {
    const { condense } = this.options
    const isFirst = this.length - rest.length === this.keptLength
    if (!condense || !isFirst) return
    const head = this.pieces.join('')
    if (!head.trimStart().startsWith('{')) return
    this.condenser = new JsonCondenser(condense)
    this.condenser.write(head)
    this.condenser.write(rest)
  }
}
