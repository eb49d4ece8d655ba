/** Reads answers from the bytes of a connection, one after the other. */
import { BodyFeed, type BodyProducer, type BodySource } from '../body.ts'
import { BodyDecoder } from '../body-decoder.ts'
import { type Framing, responseFraming } from '../framing.ts'
import { MalformedMessage } from '../head.ts'
import type { HeaderFields } from '../header-fields.ts'
import { type AnswerHead, AnswerHeadReader } from './answer-head.ts'

export interface UpstreamAnswer {
  status: number
  /** Those that are handed on; never changed, since the next answer may have the same. */
  headers: HeaderFields
  /** Bytes when it is short and of known length, which then was waited for. */
  body: Uint8Array | BodySource | null
  /** Where in it the body begins, if it is bytes. */
  bodyStart: number
}

export interface AnswerReaderEvents {
  /** Once, for the final answer; its body may still be coming. */
  onAnswer: (answer: UpstreamAnswer) => void
  /** All of it was read; `isReusable` if another answer may follow on the connection. The end of a body comes after. */
  onDone: (isReusable: boolean) => void
}

export interface AnswerReaderOptions extends AnswerReaderEvents {
  /** What of the fields is handed on. It must depend on nothing else. */
  relayed: (headers: HeaderFields) => HeaderFields
  /** The connection, which a long body may make wait. */
  producer: BodyProducer
}

/** Up to here a body of known length is collected. */
const COLLECTED_BYTES = 65_536

export class AnswerReader {
  readonly #options: AnswerReaderOptions
  readonly #heads: AnswerHeadReader
  #method = 'GET'
  /** Part of a head. */
  #input: Buffer | null = null
  #head: AnswerHead | null = null
  #framing: Framing = 0
  #decoder: BodyDecoder | null = null
  #feed: BodyFeed | null = null
  #parts: Buffer[] = []

  constructor(options: AnswerReaderOptions) {
    this.#options = options
    this.#heads = new AnswerHeadReader(options.relayed)
  }

  /** The next answer will be to `method`. */
  expect(method: string): void {
    this.#method = method
    this.#input = null
    this.#head = null
    this.#decoder = null
    this.#feed = null
  }

  /** Something of the answer was there. */
  get hasBegun(): boolean {
    return this.#head !== null || this.#input !== null
  }

  /** Throws {@link MalformedMessage}. */
  read(data: Buffer): void {
    const input = this.#input ? Buffer.concat([this.#input, data]) : data
    this.#input = null
    let at: number | null = 0
    while (at !== null && !this.#head) at = this.#takeHead(input, at)
    if (at === null) return
    if (this.#isWhole(input.length - at)) {
      this.#finish(true, input, at)
      return
    }
    this.#decoder ??= new BodyDecoder(this.#framing)
    const end = this.#decoder.decode(input, at, bytes => this.#take(bytes))
    if (this.#decoder.isDone) this.#finish(end === input.length, this.#takeParts(), 0)
  }

  /** The connection ended: in order for a body that says so, else with `error`. False when nobody was told. */
  closed(error: Error): boolean {
    if (!this.#feed) return false
    if (this.#framing === 'until-close') this.#feed.end()
    else this.#feed.fail(error)
    return true
  }

  /** The offset behind the head; null when it is not whole. */
  #takeHead(data: Buffer, start: number): number | null {
    const head = this.#heads.read(data, start)
    if (!head) {
      this.#input = data.subarray(start)
      return null
    }
    // Nobody asks a service to change the protocol. Other answers before the answer mean nothing here.
    if (head.status === 101) throw new MalformedMessage('switching protocols')
    if (head.status >= 200) this.#begin(head)
    return start + head.byteLength
  }

  #begin(head: AnswerHead): void {
    this.#head = head
    if (this.#method === 'HEAD') this.#framing = 0
    else this.#framing = head.framing ??= responseFraming(head)
    if (typeof this.#framing === 'number' && this.#framing <= COLLECTED_BYTES) return
    this.#feed = new BodyFeed(this.#options.producer)
    this.#options.onAnswer({ status: head.status, headers: head.relayed, body: this.#feed, bodyStart: 0 })
  }

  /** The usual case: a short body that came with its head. */
  #isWhole(byteLength: number): boolean {
    return this.#decoder === null && this.#feed === null && this.#framing === byteLength
  }

  #take(bytes: Buffer): void {
    if (this.#feed) this.#feed.push(bytes)
    else this.#parts.push(bytes)
  }

  #takeParts(): Buffer {
    const parts = this.#parts
    this.#parts = []
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
  }

  #finish(isExact: boolean, bytes: Buffer, bodyStart: number): void {
    const [head, feed] = [this.#head, this.#feed]
    if (!head) return
    const { status, relayed: headers, isPersistent } = head
    const body = bytes.length === bodyStart ? null : bytes
    if (!feed) this.#options.onAnswer({ status, headers, body, bodyStart })
    this.#options.onDone(isExact && isPersistent)
    feed?.end()
  }
}
