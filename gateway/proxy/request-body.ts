/** The client's body on its way in: bounded whether its length was declared or not (gateway spec 1, step 3). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { bodyTooLarge } from '../errors.ts'
import type { GatewayRow } from '../exchange.ts'

const MAX_BODY_BYTES = 1_048_576

/** The limit of a row, and of whatever has no row. */
export function maxBodyBytes(row: GatewayRow | undefined): number {
  return (row && 'maxBodyBytes' in row && row.maxBodyBytes) || MAX_BODY_BYTES
}

/** Up to here a body is collected first, so that a slow client holds no connection to a service. */
const COLLECTED_BYTES = 65_536

/** What goes to the service: bytes, a stream of known length, a stream of unknown length, or nothing. */
export interface RequestBody {
  content: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null
  /** Sent as `Content-Length`; null leaves the framing to the client library. */
  length: number | null
}

export const NO_BODY: RequestBody = { content: null, length: null }

/** The `Content-Length`, null without one, 400 when it is not one plain number (two headers, say). */
export function declaredLength(headers: Headers): number | null {
  const text = headers.get('content-length')
  if (text === null) return null
  if (!/^\d{1,15}$/.test(text)) throw badRequest('Malformed Content-Length')
  return Number(text)
}

/** Takes the body of a request that may have one, and whose declared length was checked. */
export async function takeBody(request: Request, maxBytes: number): Promise<RequestBody> {
  const { headers } = request
  const length = declaredLength(headers)
  if (length === 0 || (length === null && !headers.has('transfer-encoding'))) return NO_BODY
  if (length !== null && length <= COLLECTED_BYTES) return { content: await request.bytes(), length }
  const stream = request.body
  if (!stream) return NO_BODY
  // The server has already cut a declared body to its length; only an undeclared one needs counting.
  return length === null ? { content: bounded(stream, maxBytes), length } : { content: stream, length }
}

/** The whole body at once, for a step that has to look into it; 413 beyond `maxBytes`. */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (!request.body) return new Uint8Array()
  return new Response(bounded(request.body, maxBytes)).bytes()
}

/** Passes on what it is asked for, and fails with 413 as soon as `maxBytes` are exceeded. */
function bounded(stream: ReadableStream<Uint8Array>, maxBytes: number): ReadableStream<Uint8Array> {
  const reader = stream.getReader()
  let seen = 0
  return new ReadableStream<Uint8Array>({
    pull: async controller => {
      const { done, value } = await reader.read()
      if (done) return controller.close()
      seen += value.byteLength
      if (seen <= maxBytes) return controller.enqueue(value)
      controller.error(bodyTooLarge(maxBytes))
      await reader.cancel()
    },
    cancel: reason => reader.cancel(reason),
  })
}
