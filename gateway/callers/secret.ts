/** Comparing what a caller sent with a secret of the operator's. */
import { createHash, timingSafeEqual } from 'node:crypto'

/**
 * True when both are the same. Takes as long for a near miss as for a far one: of two digests not even the
 * length of the secret can be learnt.
 */
export function isSecret(sent: string, secret: string): boolean {
  return timingSafeEqual(digest(sent), digest(secret))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
