/**
 * Where a service answers HTTP: `http://host:port`, or `unix:/path`, a socket on this machine that only those
 * reach who may enter its directory.
 */
import { Type } from '@sinclair/typebox'

const SOCKET_SCHEME = 'unix:'

/** A setting that holds such an address. */
export const ServiceAddressText = (description: string) =>
  Type.String({ pattern: '^(https?://[^/]+|unix:/.+)', description })

export interface ServiceAddress {
  /** What the paths of requests are put behind, without a slash at the end. */
  origin: string
  /** Path of the socket; null for an address on the network. */
  socket: string | null
}

/** Only the origin of an URL counts. */
export function parseServiceAddress(text: string): ServiceAddress {
  const socket = socketPath(text)
  return socket === null
    ? { origin: new URL(text).origin, socket: null }
    : // The name is for the Host field alone: nothing is looked up.
      { origin: 'http://localhost', socket }
}

/** Path of the socket that an address names, null when it is one on the network. */
export function socketPath(text: string): string | null {
  return text.startsWith(SOCKET_SCHEME) ? text.slice(SOCKET_SCHEME.length) : null
}

export function socketAddress(path: string): string {
  return SOCKET_SCHEME + path
}

/** `fetch` at such an address; `path` begins with a slash. */
export function fetchFrom(address: string, path: string, init: BunFetchRequestInit = {}): Promise<Response> {
  const { origin, socket } = parseServiceAddress(address)
  return fetch(origin + path, socket === null ? init : { ...init, unix: socket })
}
