/** Personal access tokens in the `Authorization` header (gateway spec 2). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'

const BEARER_PAT = /^bearer +(mog_.*)$/i
const WELL_FORMED = /^mog_[A-Za-z0-9]{32}$/

export interface PresentedPat {
  /** What identity is asked about; null for a text that is no token, which is invalid without a question. */
  tokenHash: string | null
}

/**
 * The token when one is *present*, well formed or not; null when mode `pat` is absent: no header, another
 * scheme, another kind of bearer token. Two headers are 400.
 */
export function presentedPat(authorization: string | null): PresentedPat | null {
  if (!authorization) return null
  if (isTwoHeaders(authorization)) throw badRequest('Send one Authorization header')
  const token = BEARER_PAT.exec(authorization.trim())?.[1]
  // The scheme is case-insensitive, the token is not: `MOG_…` is some other bearer token.
  if (!token?.startsWith('mog_')) return null
  return { tokenHash: WELL_FORMED.test(token) ? sha256Hex(token) : null }
}

const AUTH_PARAMETER = /^[\w!#$%&'*+.^`|~-]+ *= *("(?:[^"\\]|\\.)*"|[^\s",]+)$/
const COMMA_OUTSIDE_QUOTES = /,(?=(?:[^"]*"[^"]*")*[^"]*$)/

/**
 * The server joins repeated headers with `, ` before we see them. In one header a comma only ever separates
 * parameters (`Digest a=b, c="d"`), and a bearer token has none, so anything else came from a second one.
 */
export function isTwoHeaders(authorization: string): boolean {
  if (!authorization.includes(',')) return false
  if (/^bearer /i.test(authorization.trim())) return true
  const [, ...rest] = authorization.split(COMMA_OUTSIDE_QUOTES)
  return rest.some(part => !AUTH_PARAMETER.test(part.trim()))
}
