/** One call to a service from its start to its last byte: asked, answered or given up, and ended once. */
import type { Soon } from '@mogplex/kit/soon.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import { assertedCaller, type Caller } from '../callers/caller.ts'
import { bodyTooSlow } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Answer } from '../http/answer.ts'
import type { UpstreamAnswer } from '../http/upstream/answer-reader.ts'
import {
  type AnswerListener,
  UpstreamBroke,
  type UpstreamCall,
  type UpstreamRequest,
} from '../http/upstream/connection.ts'
import { failureOf, unlessHidden } from './failure.ts'
import type { ProxyOptions } from './proxy.ts'
import { maxBodyBytes, takeBody } from './request-body.ts'
import { type RelayedBody, relayBody } from './response-body.ts'
import type { Watched } from './watchdog.ts'

export interface CallContext extends ProxyOptions {
  /** How to end, in good order, those that are open. */
  eventStreams: Set<() => void>
  ask: (service: Route['service'], request: UpstreamRequest, listener: AnswerListener) => UpstreamCall
}

type Body = UpstreamRequest['body']

export class Call implements Watched, AnswerListener {
  readonly limitMs: number
  since = performance.now()
  readonly #context: CallContext
  readonly #exchange: Exchange
  readonly #row: Route
  readonly #caller: Caller
  readonly #onClose: () => void
  #request: UpstreamRequest | null = null
  #upstream: UpstreamCall | null = null
  /** Gives up the wait for the client's body. */
  #stopReading: ((error: Error) => void) | null = null
  /** An answer whose body still comes. */
  #relayed: RelayedBody | null = null
  #mayRepeat = false
  #isOpen = true
  #isAborted: boolean

  /** `onClose` is told once, however the call ends. */
  constructor(context: CallContext, exchange: Exchange, row: Route, caller: Caller, onClose: () => void) {
    const client = exchange.request
    this.limitMs = row.stream ? context.idleTimeoutMs : context.timeoutMs
    this.#context = context
    this.#exchange = exchange
    this.#row = row
    this.#caller = caller
    this.#onClose = onClose
    this.#isAborted = client.isGone
    client.onGone = () => this.expire()
    context.watchdog.watch(this)
  }

  /** `body` is there where a step before had to read it. */
  start(body: Uint8Array | null): void {
    const { method } = this.#exchange.request
    // What changes nothing; only that is ever asked for again.
    this.#mayRepeat = method === 'GET' || method === 'HEAD'
    const isReady = body !== null || this.#mayRepeat
    const assertion = isReady ? this.#sign() : null
    if (typeof assertion === 'string') this.#ask(assertion, body)
    else this.#askLater(body).catch(cause => this.onBroken(cause))
  }

  async #askLater(body: Uint8Array | null): Promise<void> {
    const mayStop = Promise.withResolvers<never>()
    this.#stopReading = mayStop.reject
    const taken = body ?? (await Promise.race([this.#takeBody(), mayStop.promise]))
    this.#ask(await this.#sign(), taken)
  }

  #takeBody(): Promise<Body> {
    return takeBody(this.#exchange.request, maxBodyBytes(this.#row))
  }

  #sign(): Soon<string> {
    return this.#context.sign(this.#row.service, assertedCaller(this.#caller))
  }

  #ask(assertion: string, body: Body): void {
    const { facts, requestId, request } = this.#exchange
    this.#request = {
      method: request.method,
      target: facts.forwardedTarget,
      fields: facts.forwardedAs(assertion),
      lastValue: requestId,
      body,
    }
    this.#exchange.owner = { askedAt: performance.now(), ms: 0 }
    this.#attempt(this.#request)
  }

  #attempt(request: UpstreamRequest): void {
    try {
      this.#upstream = this.#context.ask(this.#row.service, request, this)
      if (this.#isAborted) this.#upstream.giveUp(this)
    } catch (cause) {
      // A fault of ours; what was begun must still be ended.
      this.#fail(cause)
    }
  }

  /** It was given up: the client left, or the time was over. */
  expire(): void {
    if (!this.#isOpen || this.#isAborted) return
    this.#isAborted = true
    this.#stopReading?.(bodyTooSlow())
    this.#upstream?.giveUp(this)
    // A body that its client has stopped taking hears of no end.
    this.#relayed?.breakOff(new UpstreamBroke('given up', false))
  }

  onAnswer(answer: UpstreamAnswer): void {
    const [exchange, row] = [this.#exchange, this.#row]
    this.#noteAnswered()
    try {
      unlessHidden(answer, exchange, row)
    } catch (cause) {
      this.#fail(cause)
      return
    }
    this.#context.onAnswer(exchange, this.#relay(answer))
  }

  onBroken(cause: unknown): void {
    this.#noteAnswered()
    const isUnanswered = cause instanceof UpstreamBroke && cause.isUnanswered
    const request = this.#request
    // A kept connection may close just as it is used.
    if (this.#mayRepeat && isUnanswered && !this.#isAborted && request) {
      this.#mayRepeat = false
      // Not at once: the first attempt may not have returned yet, and what it returns is to be replaced.
      queueMicrotask(() => this.#attempt(request))
    } else this.#fail(cause)
  }

  #noteAnswered(): void {
    const { owner } = this.#exchange
    if (owner) owner.ms = performance.now() - owner.askedAt
  }

  #fail(cause: unknown): void {
    const [exchange, row] = [this.#exchange, this.#row]
    this.#close()
    this.#context.onFailure(exchange, failureOf(cause, exchange, row, this.#context.log))
  }

  #relay({ status, headers, body, bodyStart }: UpstreamAnswer): Answer {
    if (body === null || body instanceof Uint8Array) {
      this.#close()
      return { status, headers, ownLines: '', body, bodyStart }
    }
    const [exchange, row] = [this.#exchange, this.#row]
    const { eventStreams } = this.#context
    exchange.isUnderWay = true
    const relayed = relayBody(body, {
      onPart: () => {
        // Of a stream the silence is limited, of anything else the whole.
        if (row.stream) this.since = performance.now()
      },
      onEnd: () => {
        eventStreams.delete(relayed.finish)
        this.#close()
        this.#context.onEnd(exchange, status)
      },
    })
    if (headers.get('content-type')?.startsWith('text/event-stream')) eventStreams.add(relayed.finish)
    this.#relayed = relayed
    return { status, headers, ownLines: '', body: relayed.source, bodyStart }
  }

  /** Lets go of client and timer. */
  #close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#context.watchdog.forget(this)
    this.#exchange.request.onGone = null
    this.#onClose()
  }
}
