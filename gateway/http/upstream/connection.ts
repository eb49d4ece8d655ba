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
  /** Without `Host` and framing. */
  headers: HeaderFields
  /** A `length` of null is not known, and the body goes in chunks. */
  body: Uint8Array | { source: BodySource; length: number | null } | null
}

export interface UpstreamCall {
  /** Rejects with {@link UpstreamBroke}, or with what the request's own body broke off with. */
  answer: Promise<UpstreamAnswer>
  /** Gives up, in whatever state it is. Does nothing once the answer and its body are whole. */
  abort: () => void
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

export interface UpstreamConnectionEvents {
  /** It can be asked again. */
  onIdle: () => void
  onClosed: () => void
}

export class UpstreamConnection {
  /** When it became idle, ms of the monotonic clock. */
  idleSince = 0
  readonly #socket: Socket<unknown>
  readonly #writer: SocketWriter
  readonly #host: string
  readonly #events: UpstreamConnectionEvents
  #reader: AnswerReader | null = null
  #upload: Upload | null = null
  #isPaused = false
  #resolve: (answer: UpstreamAnswer) => void = () => undefined
  #reject: (error: Error) => void = () => undefined

  constructor(socket: Socket<unknown>, host: string, events: UpstreamConnectionEvents) {
    this.#socket = socket
    this.#writer = new SocketWriter(socket)
    this.#host = host
    this.#events = events
  }

  /** Only when it is idle. */
  ask(request: UpstreamRequest): UpstreamCall {
    const { promise: answer, resolve, reject } = Promise.withResolvers<UpstreamAnswer>()
    const reader = new AnswerReader(request.method, this.#producer, this.#readerEvents)
    this.#resolve = resolve
    this.#reject = reject
    this.#reader = reader
    this.#write(request)
    return { answer, abort: () => this.#reader === reader && this.close() }
  }

  close(): void {
    this.#socket.terminate()
  }

  receive(data: Buffer): void {
    try {
      // A service that speaks unasked is out of step.
      if (!this.#reader) this.close()
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
    this.#events.onClosed()
    const isUnanswered = this.#reader !== null && !this.#reader.hasBegun
    this.#break(new UpstreamBroke('the service closed the connection', isUnanswered))
  }

  #write(request: UpstreamRequest): void {
    const { body } = request
    const head = headOf(request, this.#host)
    if (body === null || body instanceof Uint8Array) {
      this.#writer.write(head, body)
      return
    }
    this.#writer.write(head)
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

  readonly #readerEvents = {
    onAnswer: (answer: UpstreamAnswer) => this.#resolve(answer),
    onDone: (isReusable: boolean) => this.#done(isReusable),
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
    this.#reader = null
    // Answered before the body was whole: the rest of it would be taken for the next request.
    const isInStep = !this.#upload && !this.#writer.isFull
    this.#dropUpload()
    if (!isReusable || !isInStep) {
      this.close()
      return
    }
    if (this.#isPaused) this.#producer.resume()
    this.idleSince = performance.now()
    this.#events.onIdle()
  }

  #break(error: Error): void {
    const reader = this.#reader
    this.#reader = null
    this.#dropUpload()
    if (!reader) return
    if (!reader.closed(error)) this.#reject(error)
    this.close()
  }

  #dropUpload(): void {
    this.#upload?.cancel()
    this.#upload = null
  }
}

function headOf({ method, target, headers, body }: UpstreamRequest, host: string): string {
  return `${method} ${target} HTTP/1.1\r\nhost: ${host}\r\n${headers.toText()}${framingOf(method, body)}\r\n`
}

function framingOf(method: string, body: UpstreamRequest['body']): string {
  if (body === null) return method === 'GET' || method === 'HEAD' ? '' : 'content-length: 0\r\n'
  const length = body instanceof Uint8Array ? body.byteLength : body.length
  return length === null ? 'transfer-encoding: chunked\r\n' : `content-length: ${length}\r\n`
}
