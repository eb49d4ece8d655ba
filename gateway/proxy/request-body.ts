/** The client's body on its way in: bounded whether its length was declared or not (gateway spec 1, step 3). */
import { ApiError, badRequest } from '@mogplex/kit/errors.ts'
import { bodyTooLarge, bodyTooSlow, malformedBody } from '../errors.ts'
import type { GatewayRow } from '../exchange.ts'
import { type BodySource, collectBody, collectShortBody } from '../http/body.ts'
import { declaredLength } from '../http/framing.ts'
import { MalformedMessage } from '../http/head.ts'
import type { ServerRequest } from '../http/server-request.ts'
import type { UpstreamRequest } from '../http/upstream/connection.ts'
import type { Watchdog } from './watchdog.ts'

const MAX_BODY_BYTES = 1_048_576

/** The limit of a row, and of whatever has no row. */
export function maxBodyBytes(row: GatewayRow | undefined): number {
  return (row && 'maxBodyBytes' in row && row.maxBodyBytes) || MAX_BODY_BYTES
}

/**
 * Up to here a body is collected first: a slow client then holds no connection to a service, and one that makes no
 * sense does not get there.
 */
const COLLECTED_BYTES = 65_536

/** Takes the body of a request, whose declared length was checked. */
export async function takeBody(
  { headers, body }: ServerRequest,
  maxBytes: number,
): Promise<UpstreamRequest['body']> {
  if (!body) return null
  const length = declaredLength(headers)
  if (length !== null && length <= COLLECTED_BYTES)
    return collectBody(body, length, () => bodyTooLarge(maxBytes))
  // The server has already cut a declared body to its length; only an undeclared one needs counting.
  if (length !== null) return { source: body, length }
  const begun = await collectShortBody(bounded(body, maxBytes), COLLECTED_BYTES)
  return begun instanceof Uint8Array ? begun : { source: begun, length }
}

/**
 * The whole body at once, for a step that has to look into it. Throws 413 beyond `maxBytes`, 408 when it takes too
 * long, 400 for one that breaks off.
 */
export type BodyReader = (request: ServerRequest, maxBytes: number) => Promise<Uint8Array>

/** `limitMs`: until the whole body must be there. */
export function createBodyReader({ watchdog, limitMs }: { watchdog: Watchdog; limitMs: number }): BodyReader {
  return async ({ body }, maxBytes) => {
    if (!body) return new Uint8Array()
    const { promise: late, reject } = Promise.withResolvers<never>()
    const expire = () => {
      body.cancel()
      reject(bodyTooSlow())
    }
    const watched = { limitMs, since: performance.now(), expire }
    watchdog.watch(watched)
    try {
      return await Promise.race([collectBody(body, maxBytes, () => bodyTooLarge(maxBytes)), late])
    } catch (cause) {
      throw brokenBody(cause)
    } finally {
      watchdog.forget(watched)
    }
  }
}

/** A body breaks off for what it holds, or because its client left, whom no answer reaches. */
function brokenBody(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause
  return cause instanceof MalformedMessage ? malformedBody() : badRequest('The body broke off')
}

/** Passes on what it is asked for, and fails with 413 as soon as `maxBytes` are exceeded. */
function bounded(source: BodySource, maxBytes: number): BodySource {
  return {
    pipe: sink => {
      let seen = 0
      source.pipe({
        end: () => sink.end(),
        fail: error => sink.fail(error),
        write: bytes => {
          seen += bytes.byteLength
          if (seen <= maxBytes) return sink.write(bytes)
          source.cancel()
          sink.fail(bodyTooLarge(maxBytes))
        },
      })
    },
    pause: () => source.pause(),
    resume: () => source.resume(),
    cancel: () => source.cancel(),
  }
}
