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

/** A port that nobody else can take. */
export interface HeldPort {
  port: number
  /** Resolves once whoever it was held for may listen on it; does nothing more the next time. */
  release: () => Promise<void>
}

/**
 * A free port, kept from everybody else until just before the program that is to have it starts: other
 * instances on this machine look for ports too.
 */
export async function holdFreePort(): Promise<HeldPort> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const held = await hold(randomInt(LOWEST, HIGHEST + 1))
    if (held) return held
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST}`)
}

function hold(port: number): Promise<HeldPort | null> {
  return new Promise(resolve => {
    // Who asks at it is told at once that nobody is there yet.
    const server = createServer(socket => socket.destroy())
    const release = () => new Promise<void>(released => server.close(() => released()))
    server.once('error', () => resolve(null))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve({ port, release }))
    server.unref()
  })
}

/** One port that is free now. */
export async function findFreePort(): Promise<number> {
  const [port] = await findFreePorts(1)
  if (port === undefined) throw new Error('no free port')
  return port
}
