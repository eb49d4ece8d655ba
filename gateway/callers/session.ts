/** The session cookie (identity spec 2): its name, how it is found, how it is cleared. */

export interface SessionCookie {
  name: string
  /** The token when the cookie was sent, whatever it looks like; else null. */
  read: (cookieHeader: string | null) => string | null
  /** A `Set-Cookie` value that makes the browser forget the session. */
  cleared: string
  /** Whether a `Set-Cookie` value of a service is about this cookie. */
  isSetBy: (setCookie: string) => boolean
}

/** On https the name has the `__Host-` prefix, which no subdomain can plant a cookie under. */
export function sessionCookie(publicOrigin: string): SessionCookie {
  const isSecure = publicOrigin.startsWith('https:')
  const name = isSecure ? '__Host-mogplex_session' : 'mogplex_session'
  return {
    name,
    read: header => readCookie(header, name),
    cleared: `${name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0${isSecure ? '; Secure' : ''}`,
    isSetBy: setCookie => setCookie.startsWith(`${name}=`),
  }
}

/** The first cookie of that name; browsers send the one with the longest path first. */
export function readCookie(header: string | null, name: string): string | null {
  if (!header?.includes(name)) return null
  for (const pair of header.split(';')) {
    const [key = '', value] = splitOnce(pair, '=')
    if (value !== undefined && key.trim() === name) return value.trim()
  }
  return null
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

const TOKEN = /^[A-Za-z0-9_-]{20,128}$/

/** Whether a lookup makes sense at all: base64url of enough bytes. */
export function isWellFormedSessionToken(token: string): boolean {
  return TOKEN.test(token)
}
