/**
 * The sandbox's end of its ways out. Runs inside, as the agent's user, in a network namespace that holds
 * nothing but loopback, and carries connections to the Unix sockets mounted in, where the runtime's proxies
 * decide. It decides nothing itself, so an agent that kills or replaces it gains nothing.
 *
 * Arguments: one `PORT=SOCKET` for each port on 127.0.0.1. Closes its stdout once it listens.
 */
import { closeSync, writeSync } from 'node:fs'
import { close, createSide, join, relayHandlers, type Side } from './relay.ts'

for (const way of process.argv.slice(2)) {
  const [port = '', socketPath = ''] = way.split('=')
  listen(Number(port), socketPath)
}
writeSync(1, 'ready\n')
closeSync(1)

function listen(port: number, socketPath: string): void {
  Bun.listen<Side>({
    hostname: '127.0.0.1',
    port,
    allowHalfOpen: true,
    socket: {
      ...relayHandlers,
      open(socket) {
        socket.data = createSide()
        socket.data.socket = socket
        socket.pause()
        forward(socket.data, socketPath)
      },
    },
  })
}

function forward(client: Side, socketPath: string): void {
  const outward = createSide()
  Bun.connect<Side>({
    unix: socketPath,
    data: outward,
    allowHalfOpen: true,
    socket: {
      ...relayHandlers,
      open(socket) {
        outward.socket = socket
        join(client, outward)
      },
    },
  }).catch(() => close(client))
}
