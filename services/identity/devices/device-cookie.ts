/**
 * The cookie that tells a browser somebody has signed in from before (identity spec 2): strangers who try an
 * e-mail address too often lock other strangers out, and not this browser. It opens nothing by itself, and is
 * made at a sign-in and at no other time.
 */
import { hkdfSync } from 'node:crypto'
import { newId } from '@mogplex/kit/ids.ts'
import { matches } from '@mogplex/kit/validation.ts'
import { DEVICE_COOKIE } from '@mogplex/proto/caller.ts'
import { type Static, Type } from '@sinclair/typebox'
import { jwtVerify, SignJWT } from 'jose'
import type { User } from '../database/schema.ts'
import type { CookieSite } from '../sessions/cookie.ts'

const Device = Type.Object({
  /** Of the cookie: a new one at each sign-in. */
  jti: Type.String(),
  sub: Type.String(),
  /** Milliseconds since 1970. */
  madeAt: Type.Integer(),
})
export type Device = Static<typeof Device>

export interface DeviceCookies {
  /** A whole `Set-Cookie` value. */
  make: (userId: string, now: Date) => Promise<string>
  /** What {@link DeviceCookies.make} put into it; null for anything else, and for one that is too old. */
  read: (value: string | null, now: Date) => Promise<Device | null>
  /** The value in a `Cookie` header, if any. */
  find: (header: string | null) => string | null
}

const LIFETIME_SECONDS = 180 * 24 * 3_600
const AUDIENCE = 'mogplex-device'

/** `signingKey` is the setting `ASSERTION_SIGNING_KEY`, which all replicas of identity have alike. */
export function createDeviceCookies(signingKey: string, site: CookieSite): DeviceCookies {
  const key = new Uint8Array(hkdfSync('sha256', signingKey, '', AUDIENCE, 32))
  const name = deviceCookieName(site)
  const attributes = `HttpOnly; SameSite=Strict; Path=/; Max-Age=${LIFETIME_SECONDS}${site.isSecure ? '; Secure' : ''}`
  return {
    make: async (userId, now) => {
      const value = await new SignJWT({ madeAt: now.getTime() })
        .setProtectedHeader({ alg: 'HS256' })
        .setAudience(AUDIENCE)
        .setSubject(userId)
        .setJti(newId())
        .setExpirationTime(Math.floor(now.getTime() / 1_000) + LIFETIME_SECONDS)
        .sign(key)
      return `${name}=${value}; ${attributes}`
    },
    read: async (value, now) => {
      if (value === null) return null
      try {
        const options = { algorithms: ['HS256'], audience: AUDIENCE, currentDate: now }
        const { payload } = await jwtVerify(value, key, options)
        return matches(Device, payload) ? payload : null
      } catch {
        // Forged, cut or too old: whoever shows it is a stranger.
        return null
      }
    },
    find: header => findCookie(header, name),
  }
}

/** Like the session's, and from the same hosts. */
function deviceCookieName({ isSecure }: CookieSite): string {
  return `${isSecure ? '__Host-' : ''}${DEVICE_COOKIE}`
}

function findCookie(header: string | null, name: string): string | null {
  const pairs = (header ?? '').split(';').map(pair => pair.trim())
  return pairs.find(pair => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? null
}

/** A new password makes strangers of all who were known before. */
export function isDeviceOf(
  device: Device | null,
  user: Pick<User, 'id' | 'devicesKnownSince'> | null,
): boolean {
  return device !== null && user?.id === device.sub && device.madeAt >= user.devicesKnownSince.getTime()
}
