/** Session tokens: 32 random bytes, known to the browser alone; the database has the hash. */
import { randomBytes } from 'node:crypto'
import { sha256Hex } from '@mogplex/kit/ids.ts'

export interface SessionToken {
  token: string
  tokenHash: string
}

export function newSessionToken(): SessionToken {
  const token = randomBytes(32).toString('base64url')
  return { token, tokenHash: sha256Hex(token) }
}
