/** From the bytes of a connection to a service's answer. */
import { BodyFeed, type BodyProducer, type BodySource } from '../body.ts'
import { BodyDecoder } from '../body-decoder.ts'
import { type Framing, responseFraming } from '../framing.ts'
import { MalformedMessage, parseResponseHead, type ResponseHead } from '../head.ts'
import type { HeaderFields } from '../header-fields.ts'

export interface UpstreamAnswer {
  status: number
  headers: HeaderFields
  /** Bytes when it is short and of known length, which then was waited for. */
  body: Uint8Array | BodySource | null
}

export interface AnswerReaderEvents {
  /** Once, for the final answer; its body may still be coming. */
  onAnswer: (answer: UpstreamAnswer) => void
  /** All of it was read; `isReusable` if another answer may follow on the connection. */
  onDone: (isReusable: boolean) => void
}

/** Up to here a body of known length is collected. */
const COLLECTED_BYTES = 65_536
const MAX_HEAD_BYTES = 65_536
const END_OF_HEAD = Buffer.from('\r\n\r\n')

/** One for each question. */
export class AnswerReader {
  readonly #method: string
  readonly #producer: BodyProducer
  readonly #events: AnswerReaderEvents
  /** Part of a head. */
  #input: Buffer | null = null
  #head: ResponseHead | null = null
  #framing: Framing = 0
  #decoder: BodyDecoder | null = null
  #feed: BodyFeed | null = null
  #parts: Buffer[] = []

  /** `producer` is the connection, which a long body may make wait. */
  constructor(method: string, producer: BodyProducer, events: AnswerReaderEvents) {
    this.#method = method
    this.#producer = producer
    this.#events = events
  }

  /** Something of an answer was there. */
  get hasBegun(): boolean {
    return this.#head !== null || this.#input !== null
  }

  /** Throws {@link MalformedMessage}. */
  read(data: Buffer): void {
    const input = this.#input ? Buffer.concat([this.#input, data]) : data
    this.#input = null
    let at: number | null = 0
    while (at !== null && !this.#decoder) at = this.#takeHead(input, at)
    if (at === null || !this.#decoder) return
    const end = this.#decoder.decode(input, at, bytes => this.#take(bytes))
    if (this.#decoder.isDone) this.#finish(end === input.length)
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
    const end = data.indexOf(END_OF_HEAD, start)
    if ((end < 0 ? data.length : end) - start > MAX_HEAD_BYTES)
      throw new MalformedMessage('header fields are too large')
    if (end < 0) {
      this.#input = data.subarray(start)
      return null
    }
    const next = end + END_OF_HEAD.length
    const head = parseResponseHead(data.toString('latin1', start, next))
    // Nobody asks a service to change the protocol. Other answers before the answer mean nothing here.
    if (head.status === 101) throw new MalformedMessage('switching protocols')
    if (head.status >= 200) this.#begin(head)
    return next
  }

  #begin(head: ResponseHead): void {
    this.#head = head
    this.#framing = responseFraming(head, this.#method)
    this.#decoder = new BodyDecoder(this.#framing)
    if (typeof this.#framing === 'number' && this.#framing <= COLLECTED_BYTES) return
    this.#feed = new BodyFeed(this.#producer)
    this.#events.onAnswer({ status: head.status, headers: head.headers, body: this.#feed })
  }

  #take(bytes: Buffer): void {
    if (this.#feed) this.#feed.push(bytes)
    else this.#parts.push(bytes)
  }

  #finish(isExact: boolean): void {
    if (!this.#head) return
    const { status, headers, isOld } = this.#head
    const mayFollow = isExact && !isOld && !/\bclose\b/i.test(headers.get('connection') ?? '')
    this.#events.onDone(mayFollow)
    if (this.#feed) {
      this.#feed.end()
      return
    }
    const [first = null] = this.#parts
    const body = this.#parts.length > 1 ? Buffer.concat(this.#parts) : first
    this.#events.onAnswer({ status, headers, body })
  }
}
