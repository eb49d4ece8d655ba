/** One kept connection to a service: asked one thing at a time. */
import type { Socket } from 'bun'
import type { BodySource } from '../body.ts'
import { MalformedMessage } from '../head.ts'
import type { HeaderFields } from '../header-fields.ts'
import { SocketWriter } from '../socket-writer.ts'
import { AnswerReader, type UpstreamAnswer } from './answer-reader.ts'
import { Upload } from './upload.ts'

export interface UpstreamRequest {
  method: string
  /** Path and query as they go on the wire. */
  target: string
  /** Lines, each with its end, without `Host` and framing. The last lacks its value and its end. */
  fields: string
  /** Apart, since it is another one each time where the rest is the same. */
  lastValue: string
  /** A `length` of null is not known, and the body goes in chunks. */
  body: Uint8Array | { source: BodySource; length: number | null } | null
}

/** Told what becomes of a request: one of the two, once. */
export interface AnswerListener {
  onAnswer: (answer: UpstreamAnswer) => void
  /** With {@link UpstreamBroke}, or with what the request's own body broke off with. */
  onBroken: (error: Error) => void
}

/** What was asked. */
export interface UpstreamCall {
  /** In whatever state it is. Does nothing once the answer and its body are whole. */
  giveUp: (listener: AnswerListener) => void
}

/** The connection ended, or spoke no HTTP, before the answer was whole. */
export class UpstreamBroke extends Error {
  /** Not a byte of an answer had come. */
  readonly isUnanswered: boolean

  constructor(message: string, isUnanswered: boolean) {
    super(message)
    this.isUnanswered = isUnanswered
  }
}

export interface UpstreamConnectionOptions {
  /** The value of `Host`. */
  host: string
  /** What of an answer's fields is handed on. It must depend on nothing else. */
  relayed: (headers: HeaderFields) => HeaderFields

  /** It can be asked again. */
  onIdle: () => void
  onClosed: () => void
}

export class UpstreamConnection implements UpstreamCall {
  /** When it became idle, ms of the monotonic clock. */
  idleSince = 0
  readonly #socket: Socket<unknown>
  readonly #writer: SocketWriter
  readonly #options: UpstreamConnectionOptions
  readonly #reader: AnswerReader
  /** Of the request that is not yet answered, or whose answer is not yet whole. */
  #listener: AnswerListener | null = null
  #upload: Upload | null = null
  #lastMethod = ''
  #lastTarget = ''
  #lastLines = ''
  #isPaused = false

  constructor(socket: Socket<unknown>, options: UpstreamConnectionOptions) {
    this.#socket = socket
    this.#writer = new SocketWriter(socket)
    this.#options = options
    this.#reader = new AnswerReader({
      relayed: options.relayed,
      producer: this.#producer,
      onAnswer: answer => this.#listener?.onAnswer(answer),
      onDone: isReusable => this.#done(isReusable),
    })
  }

  /** Only when it is idle. */
  ask(request: UpstreamRequest, listener: AnswerListener): UpstreamCall {
    this.#listener = listener
    this.#reader.expect(request.method)
    this.#write(request)
    return this
  }

  giveUp(listener: AnswerListener): void {
    if (this.#listener === listener) this.close()
  }

  close(): void {
    this.#socket.terminate()
  }

  receive(data: Buffer): void {
    try {
      // A service that speaks unasked is out of step.
      if (!this.#listener) this.close()
      else this.#reader.read(data)
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      this.#break(new UpstreamBroke(`the service sent no HTTP: ${error.message}`, false))
    }
  }

  /** The socket has room again. */
  drain(): void {
    if (!this.#writer.isFull) return
    this.#writer.flush()
    if (!this.#writer.isFull) this.#upload?.resume()
  }

  closed(): void {
    this.#writer.discard()
    this.#options.onClosed()
    const isUnanswered = this.#listener !== null && !this.#reader.hasBegun
    this.#break(new UpstreamBroke('the service closed the connection', isUnanswered))
  }

  /** Request line and host; clients repeat themselves. */
  #firstLines({ method, target }: UpstreamRequest): string {
    if (this.#lastMethod !== method || this.#lastTarget !== target) {
      this.#lastMethod = method
      this.#lastTarget = target
      this.#lastLines = `${method} ${target} HTTP/1.1\r\nhost: ${this.#options.host}\r\n`
    }
    return this.#lastLines
  }

  #write(request: UpstreamRequest): void {
    const { fields, lastValue, body } = request
    const end = `\r\n${framingOf(request.method, body)}\r\n`
    const isWhole = body === null || body instanceof Uint8Array
    const first = this.#firstLines(request)
    this.#writer.writeMessage(first, fields, lastValue, end, isWhole ? body : null, 0)
    if (isWhole) return
    const upload = new Upload(this.#writer, body.source, body.length === null, {
      onDone: () => {
        this.#upload = null
      },
      onBroken: error => {
        this.#upload = null
        this.#break(error)
      },
    })
    this.#upload = upload
    upload.start()
  }

  readonly #producer = {
    pause: () => {
      this.#isPaused = true
      this.#socket.pause()
    },
    resume: () => {
      this.#isPaused = false
      this.#socket.resume()
    },
    cancel: () => this.close(),
  }

  #done(isReusable: boolean): void {
    this.#listener = null
    // Answered before the body was whole: the rest of it would be taken for the next request.
    const isInStep = !this.#upload && !this.#writer.isFull
    this.#dropUpload()
    if (!isReusable || !isInStep) {
      this.close()
      return
    }
    if (this.#isPaused) this.#producer.resume()
    this.idleSince = performance.now()
    this.#options.onIdle()
  }

  #break(error: Error): void {
    const listener = this.#listener
    this.#listener = null
    this.#dropUpload()
    if (!listener) return
    if (!this.#reader.closed(error)) listener.onBroken(error)
    this.close()
  }

  #dropUpload(): void {
    this.#upload?.cancel()
    this.#upload = null
  }
}

function framingOf(method: string, body: UpstreamRequest['body']): string {
  if (body === null) return method === 'GET' || method === 'HEAD' ? '' : 'content-length: 0\r\n'
  const length = body instanceof Uint8Array ? body.byteLength : body.length
  return length === null ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`
}
