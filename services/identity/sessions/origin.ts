/** Where a request came from, as sessions and the audit trail show it. */

export interface SessionOrigin {
  ip: string | null
  userAgent: string | null
}

const MAX_USER_AGENT_CHARS = 512

/** `clientIp` is the address the gateway saw. */
export function originOf(request: Request, clientIp: string | null): SessionOrigin {
  const userAgent = request.headers.get('user-agent')?.slice(0, MAX_USER_AGENT_CHARS) ?? null
  return { ip: clientIp, userAgent }
}
