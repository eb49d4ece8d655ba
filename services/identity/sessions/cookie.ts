/** The session cookie (identity spec 2) as whole `Set-Cookie` values. */

export interface CookieSite {
  /** True when people reach the product by https. */
  isSecure: boolean
}

/** `publicBaseUrl` is the setting `PUBLIC_BASE_URL`. */
export function cookieSite(publicBaseUrl: string): CookieSite {
  return { isSecure: publicBaseUrl.startsWith('https:') }
}

/** Browsers keep a `__Host-` cookie to exactly one host, and take it over https only. */
export function sessionCookieName({ isSecure }: CookieSite): string {
  return isSecure ? '__Host-mogplex_session' : 'mogplex_session'
}

/** The cookie that carries `token` until `expiresAt`. */
export function sessionCookie(site: CookieSite, token: string, expiresAt: Date, now: Date): string {
  const maxAgeSeconds = Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / 1000))
  return cookie(site, token, maxAgeSeconds)
}

/** The cookie that makes a browser forget its session. */
export function clearedSessionCookie(site: CookieSite): string {
  return cookie(site, '', 0)
}

function cookie(site: CookieSite, value: string, maxAgeSeconds: number): string {
  const attributes = `HttpOnly; SameSite=Lax; Path=/; Max-Age=${maxAgeSeconds}`
  return `${sessionCookieName(site)}=${value}; ${attributes}${site.isSecure ? '; Secure' : ''}`
}
