/** One call to a service from its start to its last byte: what may end it early, and that it ends once. */
import type { ServerRequest } from '../http/server-request.ts'
import type { Watchdog, Watched } from './watchdog.ts'

export interface CallOptions {
  client: ServerRequest
  watchdog: Watchdog
  limitMs: number
  /** Runs once, at the first {@link Call.close}. */
  onClose: () => void
}

export class Call implements Watched {
  readonly limitMs: number
  since = performance.now()
  readonly #client: ServerRequest
  readonly #watchdog: Watchdog
  readonly #onClose: () => void
  #isOpen = true
  #isAborted: boolean
  #abort: (() => void) | null = null

  constructor({ client, watchdog, limitMs, onClose }: CallOptions) {
    this.limitMs = limitMs
    this.#client = client
    this.#watchdog = watchdog
    this.#onClose = onClose
    this.#isAborted = client.isGone
    client.onGone = () => this.expire()
    watchdog.watch(this)
  }

  /** It was given up: the client left, or the time was over. */
  get isAborted(): boolean {
    return this.#isAborted
  }

  /** What to do when it is given up, at once if it was already; in place of what was said before. */
  onAbort(abort: () => void): void {
    this.#abort = abort
    if (this.#isAborted) abort()
  }

  /** Gives it up. */
  expire(): void {
    if (!this.#isOpen || this.#isAborted) return
    this.#isAborted = true
    this.#abort?.()
  }

  /** Starts the time limit anew. */
  touch(): void {
    this.since = performance.now()
  }

  /** Lets go of client and timer. More than one call does nothing. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#watchdog.forget(this)
    this.#client.onGone = null
    this.#onClose()
  }

  /** Rejects as soon as the call is given up, for work that cannot be given up itself. */
  orAborted<Value>(work: Promise<Value>): Promise<Value> {
    const { promise, reject } = Promise.withResolvers<never>()
    this.onAbort(() => reject(new Error('given up')))
    return Promise.race([work, promise])
  }
}
