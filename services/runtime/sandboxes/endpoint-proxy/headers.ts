/** What of a request's and an answer's headers passes between a sandbox and an endpoint. */
import type { EndpointCredential } from '../provider.ts'

export type Headers = Record<string, string | string[]>

/** Between two neighbours only (RFC 9110, 7.6.1), or given anew. */
const HOP_BY_HOP = [
  'connection',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

/** What says who is asking, in the words of any provider or gateway: that is ours to say. */
const IDENTIFYING =
  /^(?:authorization|cookie2?|(?:x-|x-goog-|x-litellm-|ocp-apim-subscription-)?(?:api-)?key|forwarded|x-forwarded-.*|x-real-ip)$/

/** An answer's cookies would be a session of ours; the others are about the connection we have, not the sandbox's. */
const KEPT_OUTSIDE =
  /^(?:set-cookie2?|alt-svc|strict-transport-security|authentication-info|www-authenticate)$/

/**
 * The endpoint must not compress: what it says is searched for the credential. `rawHeaders` alternates names
 * and values, as they came.
 */
export function requestHeaders(rawHeaders: string[], credential: EndpointCredential | null): Headers {
  const dropped = [...HOP_BY_HOP, 'accept-encoding', ...(credential ? [credential.header.toLowerCase()] : [])]
  const headers = filter(rawHeaders, name => !dropped.includes(name) && !IDENTIFYING.test(name))
  headers['accept-encoding'] = 'identity'
  if (credential) headers[credential.header.toLowerCase()] = credential.prefix + credential.secret
  return headers
}

/** `isSecret` tells values that the sandbox must not see. */
export function answerHeaders(rawHeaders: string[], isSecret: (value: string) => boolean): Headers {
  return filter(
    rawHeaders,
    (name, value) => !HOP_BY_HOP.includes(name) && !KEPT_OUTSIDE.test(name) && !isSecret(value),
  )
}

function filter(rawHeaders: string[], isKept: (name: string, value: string) => boolean): Headers {
  const named = namedByConnection(rawHeaders)
  const headers: Headers = {}
  for (const [name, value] of pairs(rawHeaders)) {
    if (named.has(name) || !isKept(name, value)) continue
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}

/** A `Connection` field names further ones that end at the neighbour. */
function namedByConnection(rawHeaders: string[]): Set<string> {
  const values = pairs(rawHeaders).filter(([name]) => name === 'connection')
  // The length of the body is not the sender's to take away.
  const names = values.flatMap(([, value]) => value.toLowerCase().split(/[\s,]+/))
  return new Set(names.filter(name => name !== 'content-length' && name !== 'content-type'))
}

function pairs(rawHeaders: string[]): [name: string, value: string][] {
  return Array.from({ length: rawHeaders.length >> 1 }, (_, index) => [
    (rawHeaders[index * 2] ?? '').toLowerCase(),
    rawHeaders[index * 2 + 1] ?? '',
  ])
}
