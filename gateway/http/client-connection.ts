/** One connection of a client: requests one after the other, each answered before the next is looked at. */
import type { Socket } from 'bun'
import { type Answer, isSource, jsonAnswer } from './answer.ts'
import { AnswerWriter } from './answer-writer.ts'
import { BodyFeed } from './body.ts'
import { BodyDecoder } from './body-decoder.ts'
import { MalformedMessage } from './head.ts'
import type { HeaderFields } from './header-fields.ts'
import { type HeadRead, RequestReader } from './read-request.ts'
import { type RequestHandler, type Responder, ServerRequest } from './server-request.ts'
import { SocketWriter } from './socket-writer.ts'
import { HEAD_MS, IDLE_MS, LINGER_MS, STALL_MS } from './time-limits.ts'

const NOTHING = Buffer.alloc(0)

export class ClientConnection<Understood> implements Responder {
  /** When {@link ClientConnection.expire} is due, ms of the monotonic clock. */
  deadline = performance.now() + IDLE_MS
  readonly #socket: Socket<unknown>
  readonly #writer: SocketWriter
  readonly #reader: RequestReader<Understood>
  readonly #handler: RequestHandler<Understood>
  readonly #onBug: (error: unknown) => void
  #phase: 'head' | 'body' | 'answering' | 'lingering' | 'closed' = 'head'
  /** Bytes that came before they could be used: part of a head, or what was sent ahead. */
  #input: Buffer | null = null
  #decoder: BodyDecoder | null = null
  #feed: BodyFeed | null = null
  #request: ServerRequest | null = null
  readonly #answer: AnswerWriter
  #isOld = false
  #isAnswered = false
  #isWritten = false
  #isLast = false
  #isPaused = false

  /** `onBug` is told of errors nobody threw on purpose; the connection is useless then. */
  constructor(socket: Socket<unknown>, handler: RequestHandler<Understood>, onBug: (error: unknown) => void) {
    const peer = socket.remoteAddress
    this.#socket = socket
    this.#writer = new SocketWriter(socket)
    this.#handler = handler
    this.#reader = new RequestReader(head => handler.understand(head, peer))
    this.#onBug = onBug
    this.#answer = new AnswerWriter(this.#writer, {
      onWritten: () => this.#written(),
      onBroken: () => this.close(),
    })
  }

  /** The server stops: the connection ends as soon as what is under way is answered. */
  retire(): void {
    this.#isLast = true
    if (!this.#request && !this.#writer.isFull) this.close()
  }

  close(): void {
    this.#socket.terminate()
  }

  receive(data: Buffer): void {
    const input = this.#input ? Buffer.concat([this.#input, data]) : data
    this.#input = null
    this.#process(input)
  }

  /** The socket has room again. */
  drain(): void {
    if (!this.#writer.isFull) return
    this.#writer.flush()
    if (!this.#writer.isFull && this.#isWritten) this.#finish()
    else if (!this.#writer.isFull) this.#answer.resume()
    else if (this.#isWritten) this.deadline = performance.now() + STALL_MS
  }

  /** The connection is closed, by whomever. */
  closed(): void {
    this.#phase = 'closed'
    this.#writer.discard()
    const request = this.#request
    if (!request) return
    this.#request = null
    request.isGone = true
    request.onGone?.()
    this.#feed?.fail(new Error('the client closed the connection'))
    this.#answer.cancel()
  }

  /** {@link ClientConnection.deadline} is over. */
  expire(): void {
    if (this.#phase === 'head' && this.#input) this.#refuse(408, 'The request took too long')
    else this.close()
  }

  #process(input: Buffer): void {
    let rest = input
    while (rest.length > 0) {
      if (this.#phase === 'head') rest = this.#takeHead(rest)
      else if (this.#phase === 'body') rest = this.#takeBody(rest)
      else rest = this.#keep(rest)
    }
  }

  /** Sent ahead of its time: the rest may wait in the socket. */
  #keep(rest: Buffer): Buffer {
    if (this.#phase === 'answering') {
      this.#input = rest
      this.#pause()
    }
    return NOTHING
  }

  #takeHead(data: Buffer): Buffer {
    const read = this.#reader.read(data)
    if (read.outcome === 'head') {
      this.#begin(read)
      return read.rest
    }
    if (read.outcome === 'refused') this.#refuse(read.status, read.message)
    else this.#awaitMore(data)
    return NOTHING
  }

  /** The time for a head runs from its first byte. */
  #awaitMore(data: Buffer): void {
    this.#input = data
    this.deadline = Math.min(this.deadline, performance.now() + HEAD_MS)
  }

  #begin({ head, framing, understood }: HeadRead<Understood>): void {
    if (!head.isPersistent) this.#isLast = true
    this.#decoder = framing === 0 ? null : new BodyDecoder(framing)
    this.#feed = this.#decoder && this.#feedOf(head.headers)
    this.#phase = this.#decoder ? 'body' : 'answering'
    this.deadline = this.#decoder ? performance.now() + IDLE_MS : Number.POSITIVE_INFINITY
    this.#isAnswered = false
    this.#isWritten = false
    this.#isOld = head.isOld
    const request = new ServerRequest(head, this.#feed, this)
    this.#request = request
    try {
      this.#handler.handle(request, understood)
    } catch (error) {
      this.#onBug(error)
    }
  }

  #feedOf(headers: HeaderFields): BodyFeed {
    const isExpecting = headers.get('expect')?.toLowerCase() === '100-continue'
    return new BodyFeed({
      // Whoever asks first learns that the body is wanted only when it is.
      start: () => {
        if (isExpecting) this.#writer.write('HTTP/1.1 100 Continue\r\n\r\n')
      },
      pause: () => this.#pause(),
      resume: () => this.#resume(),
      // Nobody wants the rest, so the connection ends with the answer; until then it lies in the socket.
      cancel: () => {
        this.#isLast = true
      },
    })
  }

  #takeBody(data: Buffer): Buffer {
    const [decoder, feed] = [this.#decoder, this.#feed]
    if (!decoder || !feed) return NOTHING
    this.deadline = performance.now() + IDLE_MS
    try {
      const end = decoder.decode(data, 0, bytes => feed.push(bytes))
      if (decoder.isDone) this.#endBody(() => feed.end())
      return data.subarray(end)
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      // Where the next request would begin is anybody's guess.
      this.#isLast = true
      this.#endBody(() => feed.fail(error))
      return NOTHING
    }
  }

  #endBody(tell: () => void): void {
    this.#phase = 'answering'
    this.deadline = Number.POSITIVE_INFINITY
    tell()
  }

  respond(request: ServerRequest, answer: Answer): void {
    if (this.#request !== request || this.#isAnswered) {
      if (isSource(answer.body)) answer.body.cancel()
      return
    }
    // The rest of a body that nobody wants is not worth reading.
    if (this.#phase === 'body') this.#isLast = true
    this.#isAnswered = true
    try {
      this.#answer.start(answer, request.method, this.#isOld, this.#isLast)
    } catch (error) {
      if (isSource(answer.body)) answer.body.cancel()
      this.#onBug(error)
    }
  }

  #written(): void {
    this.#isWritten = true
    if (this.#writer.isFull) this.deadline = performance.now() + STALL_MS
    else this.#finish()
  }

  /** For what is no request, and leaves no telling where the next one would begin. */
  #refuse(status: number, error: string): void {
    this.#isLast = true
    this.#phase = 'answering'
    this.#input = null
    this.#answer.start(jsonAnswer(status, { error, code: 'BAD_REQUEST' }), 'GET', false, true)
  }

  #finish(): void {
    this.#request = null
    this.#feed = null
    if (this.#isLast) {
      this.#linger()
      return
    }
    this.#phase = 'head'
    this.deadline = performance.now() + IDLE_MS
    if (this.#isPaused) this.#resume()
    const input = this.#input
    this.#input = null
    if (input) this.#process(input)
  }

  /** To close at once, with bytes unread, would take the answer away from a client that is still sending. */
  #linger(): void {
    this.#phase = 'lingering'
    this.deadline = performance.now() + LINGER_MS
    if (this.#isPaused) this.#resume()
    this.#socket.shutdown()
  }

  #pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  #resume(): void {
    this.#isPaused = false
    this.#socket.resume()
  }
}
