/**
 * The consent a page was shown with, signed, so that what is approved is what was read (identity spec 10).
 * The key is made of identity's own for this purpose alone: a consent can never pass as an assertion.
 */
import { hkdfSync } from 'node:crypto'
import { badRequest } from '@mogplex/kit/errors.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { matches } from '@mogplex/kit/validation.ts'
import { type Static, Type } from '@sinclair/typebox'
import { jwtVerify, SignJWT } from 'jose'
import type { GrantRequest } from './request.ts'

const Consent = Type.Object({
  jti: Type.String(),
  sub: Type.String(),
  /** Null for a caller of test mode, who has no session. */
  sid: Type.Union([Type.String(), Type.Null()]),
  callback: Type.String(),
  nonce: Type.String(),
  name: Type.String(),
  /** Seconds since 1970. */
  exp: Type.Integer(),
})
export type Consent = Static<typeof Consent>

/** Whose consent it is to be: the person, in this session. */
export interface Consenter {
  userId: string
  sessionId: string | null
}

export interface ConsentSigner {
  sign: (by: Consenter, request: GrantRequest, now: Date) => Promise<string>
  /** Throws 400 for anything that {@link ConsentSigner.sign} did not make within the last ten minutes. */
  verify: (consent: unknown, now: Date) => Promise<Consent>
}

const LIFETIME_SECONDS = 600
const AUDIENCE = 'mogplex-cli-consent'

/** `signingKey` is the setting `ASSERTION_SIGNING_KEY`, which all replicas of identity have alike. */
export function createConsentSigner(signingKey: string): ConsentSigner {
  const key = new Uint8Array(hkdfSync('sha256', signingKey, '', AUDIENCE, 32))
  return {
    sign: ({ userId, sessionId }, request, now) =>
      new SignJWT({ ...request, sid: sessionId })
        .setProtectedHeader({ alg: 'HS256' })
        .setAudience(AUDIENCE)
        .setSubject(userId)
        .setJti(newId())
        .setExpirationTime(Math.floor(now.getTime() / 1_000) + LIFETIME_SECONDS)
        .sign(key),
    verify: async (consent, now) => {
      if (typeof consent !== 'string') throw badRequest('consent: is required', { field: 'consent' })
      try {
        const options = { algorithms: ['HS256'], audience: AUDIENCE, currentDate: now }
        const { payload } = await jwtVerify(consent, key, options)
        if (matches(Consent, payload)) return payload
      } catch {
        // Forged, cut or too old: the message below is all there is to say.
      }
      throw badRequest('consent: is not valid any more, start again', { field: 'consent' })
    },
  }
}
