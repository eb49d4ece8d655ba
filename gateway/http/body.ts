/** Bodies on their way from one connection to another, as fast as the slower of the two. */
import { JoinedParts } from './joined-parts.ts'

/** Takes a body. Exactly one of `end` and `fail` comes last. */
export interface BodySink {
  write: (bytes: Uint8Array) => void
  end: () => void
  /** The body broke off: what was written must not look complete. */
  fail: (error: Error) => void
}

/** A body that comes in parts. */
export interface BodySource {
  /** Begins to hand the body over. Once. */
  pipe: (sink: BodySink) => void
  /** Hands over nothing more until {@link BodySource.resume}. */
  pause: () => void
  resume: () => void
  /** The rest is not wanted; whoever makes it should stop. Does nothing after the end. */
  cancel: () => void
}

/** The connection a body comes from. */
export interface BodyProducer {
  /** Somebody wants the body. */
  start?: () => void
  pause: () => void
  resume: () => void
  cancel: () => void
}

/** Up to here a body waits for whoever wants it before its connection is told to stop. */
const HELD_BYTES = 65_536

/** The joint between a connection that reads a body and whoever takes it. */
export class BodyFeed implements BodySource {
  readonly #producer: BodyProducer
  #sink: BodySink | null = null
  readonly #held = new JoinedParts()
  #isPaused = false
  #outcome: 'open' | 'ended' | Error = 'open'
  #isOver = false

  constructor(producer: BodyProducer) {
    this.#producer = producer
  }

  push(bytes: Uint8Array): void {
    if (this.#isOver) return
    if (this.#sink && !this.#isPaused) {
      this.#sink.write(bytes)
      return
    }
    this.#held.append(bytes)
    if (this.#held.byteLength > HELD_BYTES) this.#producer.pause()
  }

  end(): void {
    this.#conclude('ended')
  }

  fail(error: Error): void {
    this.#conclude(error)
  }

  pipe(sink: BodySink): void {
    this.#sink = sink
    if (this.#outcome === 'open') this.#producer.start?.()
    this.#release()
  }

  pause(): void {
    if (this.#isOver || this.#isPaused) return
    this.#isPaused = true
    // A body that is read to its end has no claim on the connection any more.
    if (this.#outcome === 'open') this.#producer.pause()
  }

  resume(): void {
    if (this.#isOver || !this.#isPaused) return
    this.#isPaused = false
    this.#release()
    if (!this.#isPaused && this.#outcome === 'open') this.#producer.resume()
  }

  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#held.take()
    if (this.#outcome === 'open') this.#producer.cancel()
  }

  #conclude(outcome: 'ended' | Error): void {
    if (this.#isOver || this.#outcome !== 'open') return
    this.#outcome = outcome
    if (this.#sink && !this.#isPaused) this.#release()
  }

  /** Hands over what was held; the sink may pause or cancel at that. */
  #release(): void {
    const wasFull = this.#held.byteLength > HELD_BYTES
    if (this.#sink && !this.#isPaused && !this.#isOver && this.#held.byteLength > 0)
      this.#sink.write(this.#held.take())
    if (!this.#sink || this.#isPaused || this.#isOver) return
    if (this.#outcome === 'open') {
      if (wasFull) this.#producer.resume()
      return
    }
    this.#isOver = true
    if (this.#outcome === 'ended') this.#sink.end()
    else this.#sink.fail(this.#outcome)
  }
}

/** The whole of a body. Rejects with what `tooLarge` makes as soon as it exceeds `maxBytes`, and when it breaks off. */
export function collectBody(
  source: BodySource,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts = new JoinedParts(maxBytes)
    source.pipe({
      write: part => {
        if (parts.byteLength + part.byteLength <= maxBytes) return parts.append(part)
        source.cancel()
        reject(tooLarge())
      },
      end: () => resolve(parts.take()),
      fail: reject,
    })
  })
}

/**
 * All of a body that has no more than `most` bytes; a longer one as it comes, from its beginning. Rejects for one that
 * breaks off before that is known.
 */
export function collectShortBody(source: BodySource, most: number): Promise<Uint8Array | BodySource> {
  return new Promise((resolve, reject) => {
    const feed = new BodyFeed({
      pause: () => source.pause(),
      resume: () => source.resume(),
      cancel: () => source.cancel(),
    })
    const parts = new JoinedParts()
    let isLong = false
    source.pipe({
      write: part => {
        if (isLong) return feed.push(part)
        parts.append(part)
        if (parts.byteLength <= most) return
        isLong = true
        feed.push(parts.take())
        resolve(feed)
      },
      end: () => (isLong ? feed.end() : resolve(parts.take())),
      fail: error => (isLong ? feed.fail(error) : reject(error)),
    })
  })
}
