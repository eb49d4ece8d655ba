import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

let context: SecureContext | undefined

/**
 * Whose certificates an endpoint may have: what this process trusts, and what the host does, where a company's own
 * authority is installed. Made once: reading them takes longer than a handshake.
 */
export function trustedAuthorities(): SecureContext {
  context ??= createSecureContext({
    ca: [...new Set([...getCACertificates('default'), ...getCACertificates('system')])],
  })
  return context
}
