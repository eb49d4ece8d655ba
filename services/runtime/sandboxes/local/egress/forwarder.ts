/**
 * The sandbox's end of its way out. Runs inside, as the agent's user, in a network namespace that holds
 * nothing but loopback, and carries connections to the one Unix socket mounted in, where the runtime's
 * egress proxy decides. It decides nothing itself, so an agent that kills or replaces it gains nothing.
 *
 * Arguments: path of the Unix socket; port of the HTTP proxy on 127.0.0.1; then one `host:port` for each
 * loopback address that is to be reachable unchanged. Closes its stdout once it listens.
 */
import { closeSync, writeSync } from 'node:fs'
import { close, createSide, join, relayHandlers, type Side, send } from './relay.ts'

const [socketPath = '', proxyPort = '', ...tunnels] = process.argv.slice(2)
/** What the proxy answers to CONNECT fits in one packet; anything longer is no such answer. */
const MAX_ANSWER_BYTES = 4096

listen('127.0.0.1', Number(proxyPort), null)
for (const target of tunnels) {
  const at = target.lastIndexOf(':')
  listen(listeningAddress(target.slice(0, at)), Number(target.slice(at + 1)), target)
}
writeSync(1, 'ready\n')
closeSync(1)

/** `target` null: the client speaks to the proxy itself. Otherwise its bytes go to that address. */
function listen(hostname: string, port: number, target: string | null): void {
  try {
    Bun.listen<Side>({
      hostname,
      port,
      allowHalfOpen: true,
      socket: {
        ...relayHandlers,
        open(socket) {
          socket.data = createSide()
          socket.data.socket = socket
          socket.pause()
          forward(socket.data, target)
        },
      },
    })
  } catch (error) {
    console.error(`sandbox: cannot listen on ${hostname}:${port}: ${error}`)
  }
}

function forward(client: Side, target: string | null): void {
  const outward = createSide()
  if (target !== null) outward.onEarly = awaitAcceptance(client, outward)
  Bun.connect<Side>({
    unix: socketPath,
    data: outward,
    allowHalfOpen: true,
    socket: {
      ...relayHandlers,
      open(socket) {
        outward.socket = socket
        if (target === null) join(client, outward)
        else send(outward, new TextEncoder().encode(`CONNECT ${target} HTTP/1.1\r\n\r\n`))
      },
    },
  }).catch(() => close(client))
}

/** Takes the proxy's answer to CONNECT, then lets the two sides talk; a refusal closes the client. */
function awaitAcceptance(client: Side, outward: Side): (bytes: Uint8Array | null) => void {
  let answer = Buffer.alloc(0)
  return bytes => {
    if (bytes) answer = Buffer.concat([answer, bytes])
    const end = answer.indexOf('\r\n\r\n')
    if (end < 0 && bytes && answer.length < MAX_ANSWER_BYTES) return
    if (end < 0 || !answer.toString('latin1').startsWith('HTTP/1.1 200')) {
      close(client)
      return close(outward)
    }
    outward.early.push(answer.subarray(end + 4))
    join(client, outward)
  }
}

function listeningAddress(hostname: string): string {
  return hostname === 'localhost' ? '127.0.0.1' : hostname.replace(/^\[|\]$/g, '')
}
