/** What the server hands to whoever answers. */
import type { Answer } from './answer.ts'
import type { BodySource } from './body.ts'
import type { HeaderFields } from './header-fields.ts'

/** A request as its handler gets it, and as its connection goes on to know it. */
export interface ServerRequest {
  readonly method: string
  /** The request target as it was sent. */
  readonly target: string
  readonly headers: HeaderFields
  /** Of the peer, as the socket shows it. */
  readonly peer: string
  /** Null for a request without one. */
  readonly body: BodySource | null
  /** The connection broke: nobody is left to answer to. */
  isGone: boolean
  /** Called when {@link ServerRequest.isGone} becomes true before the answer is through. */
  onGone: (() => void) | null
}

/** A rejection is a fault of ours, and ends the connection. */
export type RequestHandler = (request: ServerRequest) => Promise<Answer>
