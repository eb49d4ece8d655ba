/**
 * Carries bytes between two sockets, both ways, with back-pressure and half-closes. Used on both ends of
 * a sandbox's way out: by the forwarder inside and by the proxy in the runtime process. It runs inside
 * the sandbox too, so it imports nothing.
 */
import type { Socket } from 'bun'

/** One socket of a relay. Reached from Bun's handlers as `socket.data`. */
export interface Side {
  socket: Socket<Side> | null
  peer: Side | null
  /** Bytes the kernel did not take yet, oldest first. */
  unsent: Uint8Array[]
  /** Nothing more will be sent to this socket: shut it down once `unsent` is empty. */
  isFinishing: boolean
  /** The other socket is gone altogether: close this one once `unsent` is empty. */
  isClosing: boolean
  isClosed: boolean
  /** The socket itself sends nothing more. */
  hasEnded: boolean
  /** What arrived before there was a peer to get it. */
  early: Uint8Array[]
  /** Gets those bytes instead, null for the end. */
  onEarly: ((bytes: Uint8Array | null) => void) | null
}

export function createSide(): Side {
  return {
    socket: null,
    peer: null,
    unsent: [],
    isFinishing: false,
    isClosing: false,
    isClosed: false,
    hasEnded: false,
    early: [],
    onEarly: null,
  }
}

/** Handlers for `Bun.listen` and `Bun.connect`; use them with `allowHalfOpen: true`. */
export const relayHandlers = {
  data(socket: Socket<Side>, bytes: Uint8Array) {
    const side = socket.data
    if (side.peer) send(side.peer, bytes)
    else if (side.onEarly) side.onEarly(bytes)
    else side.early.push(bytes.slice())
  },
  drain(socket: Socket<Side>) {
    flush(socket.data)
  },
  end(socket: Socket<Side>) {
    const side = socket.data
    side.hasEnded = true
    if (side.peer) finish(side.peer)
    else side.onEarly?.(null)
  },
  close(socket: Socket<Side>) {
    drop(socket.data)
  },
  error(socket: Socket<Side>) {
    drop(socket.data)
    socket.terminate()
  },
}

/** Makes each side receive what the other gets, and got so far. */
export function join(one: Side, other: Side): void {
  one.peer = other
  other.peer = one
  for (const side of [one, other]) {
    const peer = side === one ? other : one
    side.onEarly = null
    if (!side.isClosed) side.socket?.resume()
    for (const bytes of side.early.splice(0)) send(peer, bytes)
    if (side.isClosed) close(peer)
    else if (side.hasEnded) finish(peer)
  }
}

/** Sends now or as soon as the socket takes it; pauses the peer meanwhile. */
export function send(side: Side, bytes: Uint8Array): void {
  if (side.isClosed || bytes.length === 0) return
  // The handler's buffer is not ours after it returns.
  side.unsent.push(bytes.slice())
  flush(side)
}

/** Half-close: the socket is told that no more bytes come, and may still send its own. */
export function finish(side: Side): void {
  side.isFinishing = true
  flush(side)
}

/** Closes the socket after what is still unsent. */
export function close(side: Side): void {
  side.isClosing = true
  flush(side)
}

function flush(side: Side): void {
  const { socket } = side
  if (!socket || side.isClosed) return
  while (side.unsent.length > 0) {
    const [bytes] = side.unsent
    if (!bytes) break
    const sent = socket.write(bytes)
    if (sent < 0) {
      drop(side)
      return
    }
    if (sent < bytes.length) {
      side.unsent[0] = bytes.subarray(sent)
      side.peer?.socket?.pause()
      return
    }
    side.unsent.shift()
  }
  if (side.isClosing) socket.end()
  else if (side.isFinishing) socket.shutdown()
  if (side.peer && !side.peer.isClosed) side.peer.socket?.resume()
}

function drop(side: Side): void {
  if (side.isClosed) return
  side.isClosed = true
  side.unsent = []
  if (side.peer && !side.peer.isClosed) close(side.peer)
}
