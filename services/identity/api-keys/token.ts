/** Personal access tokens: `mog_` and 32 characters of `[A-Za-z0-9]` (identity spec 6). */
import { randomBytes } from 'node:crypto'
import { sha256Hex } from '@mogplex/kit/ids.ts'

const PREFIX = 'mog_'
const RANDOM_CHARS = 32
const DISPLAY_CHARS = 12
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
/** The largest multiple of 62 in a byte: bytes from here on are dropped, or the first characters would be likelier. */
const REJECT_FROM = 256 - (256 % ALPHABET.length)

/** `count` characters, each uniformly random. `bytes` gives random bytes; a test may give its own. */
export function randomBase62(count: number, bytes: (size: number) => Uint8Array = randomBytes): string {
  let text = ''
  while (text.length < count) {
    for (const byte of bytes(count)) {
      if (byte < REJECT_FROM && text.length < count) text += ALPHABET[byte % ALPHABET.length]
    }
  }
  return text
}

export interface NewToken {
  /** Shown once, stored nowhere. */
  token: string
  tokenHash: string
  /** The first characters, by which people tell their tokens apart. */
  prefix: string
}

export function newToken(): NewToken {
  const token = PREFIX + randomBase62(RANDOM_CHARS)
  return { token, tokenHash: sha256Hex(token), prefix: token.slice(0, DISPLAY_CHARS) }
}
