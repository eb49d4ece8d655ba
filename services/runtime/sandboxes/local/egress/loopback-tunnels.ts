/** Which of the allowed endpoints lie on loopback, where the sandbox's loopback must stand in for the host's. */
import { bareHostname, endpointPort } from './proxy-request.ts'

/** As `host:port` for the forwarder, each listening address once. */
export function loopbackTunnels(allowedEndpoints: URL[]): string[] {
  const byAddress = new Map<string, string>()
  for (const url of allowedEndpoints) {
    const hostname = bareHostname(url)
    if (hostname !== 'localhost' && hostname !== '::1' && !/^127\.\d+\.\d+\.\d+$/.test(hostname)) continue
    const target = `${hostname === '::1' ? '[::1]' : hostname}:${endpointPort(url)}`
    byAddress.set(target.replace('localhost', '127.0.0.1'), target)
  }
  return [...byAddress.values()]
}
