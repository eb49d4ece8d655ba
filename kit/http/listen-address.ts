/** Where a process of ours listens, and what an earlier one left there. */
import { lstatSync, rmSync } from 'node:fs'

export type ListenAddress = { unix: string } | { hostname: string; port: number }

/** The socket that the settings name, or else the address on the network. */
export function listenAddress(config: { SOCKET?: string; HOST: string; PORT?: number }): ListenAddress {
  return config.SOCKET ? { unix: config.SOCKET } : { hostname: config.HOST, port: config.PORT ?? 0 }
}

/**
 * Removes the socket of a process that was killed, which nobody could listen on again. One that somebody
 * listens on stays, so that listening there fails: two processes must not share an address in silence. So
 * does whatever is no socket.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return
  if (!(await isListenedOn(path))) rmSync(path, { force: true })
}

/** True when a connection to the socket is taken. */
export async function isListenedOn(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } })
    socket.end()
    return true
  } catch {
    return false
  }
}
