/** Ports of this machine's loopback address. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the range from which Linux and macOS take the near end of outgoing connections: otherwise some
 * connection could sit on the port while a server of ours is being restarted.
 */
const LOWEST = 20_000
const HIGHEST = 31_999
const ATTEMPTS = 200

/** True when nothing listens on the port of 127.0.0.1 and we may. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** `count` different ports that are free now. Nothing reserves them. */
export async function findFreePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let attempt = 0; attempt < ATTEMPTS * count && found.size < count; attempt += 1) {
    const port = randomInt(LOWEST, HIGHEST + 1)
    if (!found.has(port) && (await isPortFree(port))) found.add(port)
  }
  if (found.size < count) throw new Error(`no ${count} free ports between ${LOWEST} and ${HIGHEST}`)
  return [...found]
}

/** One port that is free now. */
export async function findFreePort(): Promise<number> {
  const [port] = await findFreePorts(1)
  if (port === undefined) throw new Error('no free port')
  return port
}
