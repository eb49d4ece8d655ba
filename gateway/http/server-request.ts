/** What the server hands to whoever answers. */
import type { Answer } from './answer.ts'
import type { BodySource } from './body.ts'
import type { RequestHead } from './head.ts'
import type { HeaderFields } from './header-fields.ts'

/** A request as its handler gets it, and as its connection goes on to know it. */
export class ServerRequest {
  readonly method: string
  /** The request target as it was sent. */
  readonly target: string
  /** Never changed: the next request may have the same. */
  readonly headers: HeaderFields
  /** Null for a request without one. */
  readonly body: BodySource | null
  /** The connection broke: nobody is left to answer to. */
  isGone = false
  /** Called when {@link ServerRequest.isGone} becomes true before the answer is through. */
  onGone: (() => void) | null = null
  readonly #responder: Responder

  constructor({ method, target, headers }: RequestHead, body: BodySource | null, responder: Responder) {
    this.method = method
    this.target = target
    this.headers = headers
    this.body = body
    this.#responder = responder
  }

  /** Answers it. Once; what comes after that, or after the client, is dropped. */
  respond(answer: Answer): void {
    this.#responder.respond(this, answer)
  }
}

/** The connection that a request came by. */
export interface Responder {
  respond: (request: ServerRequest, answer: Answer) => void
}

/** Who answers requests. */
export interface RequestHandler<Understood> {
  /** What a head means, and depends on nothing but it and the peer: the same head is not asked about twice. */
  understand: (head: RequestHead, peer: string) => Understood
  /** Sees to it that the request is {@link ServerRequest.respond answered}. What it throws is a fault of ours. */
  handle: (request: ServerRequest, understood: Understood) => void
}
