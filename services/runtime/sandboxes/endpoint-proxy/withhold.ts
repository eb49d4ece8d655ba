/** Keeps a secret out of a stream of bytes, wherever the pieces are cut. */
import { Transform } from 'node:stream'

/** Shorter ones (`ollama`, `none`) are no secrets, and are words that answers are about. */
const MIN_SECRET_LENGTH = 16
const ASTERISK = '*'.charCodeAt(0)

/** Whether a text contains what {@link withholdSecret} would blot out. */
export function containsSecret(text: string, secret: string | null): boolean {
  return secret !== null && secret.length >= MIN_SECRET_LENGTH && text.includes(secret)
}

/**
 * Blots out the secret with as many asterisks, so that lengths stay true. What could be its beginning waits for the
 * next piece; everything else passes at once. Null: everything passes.
 */
export function withholdSecret(secret: string | null): Transform {
  const wanted = Buffer.from(secret !== null && secret.length >= MIN_SECRET_LENGTH ? secret : '')
  let held = Buffer.alloc(0)
  return new Transform({
    transform(chunk: Buffer, _, done) {
      if (wanted.length === 0) return done(null, chunk)
      // A copy: the piece is the sender's.
      const bytes = Buffer.concat([held, chunk])
      for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + wanted.length)) {
        bytes.fill(ASTERISK, at, at + wanted.length)
      }
      const passing = bytes.length - beginningAtEnd(bytes, wanted)
      held = bytes.subarray(passing)
      done(null, bytes.subarray(0, passing))
    },
    flush: done => done(null, held),
  })
}

/** How many of the last bytes are the first of `wanted`. */
function beginningAtEnd(bytes: Buffer, wanted: Buffer): number {
  for (let length = Math.min(wanted.length - 1, bytes.length); length > 0; length -= 1) {
    if (bytes.subarray(-length).equals(wanted.subarray(0, length))) return length
  }
  return 0
}
