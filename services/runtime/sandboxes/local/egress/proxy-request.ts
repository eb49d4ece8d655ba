/** Reads what a client asks of the egress proxy: `CONNECT host:port`, or a request with an absolute URL. */

export interface ProxyRequest {
  /** Lower case, without brackets and trailing dot. */
  hostname: string
  port: number
  /** What to send upstream first; null for CONNECT, which sends nothing. */
  head: string | null
}

/** Headers between client and proxy only (RFC 9110, 7.6.1). */
const HOP_HEADERS = /^(connection|keep-alive|proxy-connection|proxy-authorization|proxy-authenticate):/i

/** `head` without its closing blank line. null when it is no such request. */
export function parseProxyRequest(head: string): ProxyRequest | null {
  const [requestLine = '', ...headers] = head.split('\r\n')
  const [method = '', target = '', version = ''] = requestLine.split(' ')
  if (!/^HTTP\/1\.[01]$/.test(version)) return null
  if (method === 'CONNECT') {
    const url = parseUrl(`http://${target}/`)
    const port = /:(\d{1,5})$/.exec(target)?.[1]
    if (!url || port === undefined) return null
    return { hostname: bareHostname(url), port: Number(port), head: null }
  }
  const url = parseUrl(target)
  if (url?.protocol !== 'http:') return null
  const kept = headers.filter(line => !HOP_HEADERS.test(line))
  // One request a connection: a kept-alive one could ask for another host next.
  const lines = [`${method} ${url.pathname}${url.search} ${version}`, ...kept, 'Connection: close']
  return { hostname: bareHostname(url), port: endpointPort(url), head: `${lines.join('\r\n')}\r\n\r\n` }
}

/** The port a URL means, also when it leaves it out. */
export function endpointPort(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}

/** Hostname of a URL as it is compared and resolved. */
export function bareHostname(url: URL): string {
  return url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null
}
