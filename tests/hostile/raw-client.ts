/** A client below HTTP that knows how much of what it sends was taken. */

export interface RawClient {
  /** What came back so far. */
  received: () => string
  isClosed: () => boolean
  /** Resolves when all of it has left this process, or the connection is over. */
  send: (bytes: string | Uint8Array) => Promise<void>
  close: () => void
}

/** Connects to a port of this machine. With `isDeaf` it never reads. */
export async function connectRaw(port: number, { isDeaf = false } = {}): Promise<RawClient> {
  let received = ''
  let isClosed = false
  let wake: (() => void) | null = null
  const goOn = () => {
    wake?.()
    wake = null
  }
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      open: opened => {
        opened.setNoDelay(true)
        if (isDeaf) opened.pause()
      },
      data: (_, data) => {
        received += data.toString('latin1')
      },
      drain: goOn,
      error: () => undefined,
      close: () => {
        isClosed = true
        goOn()
      },
    },
  })
  return {
    received: () => received,
    isClosed: () => isClosed,
    send: async bytes => {
      let rest = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
      while (!isClosed) {
        const written = socket.write(rest)
        if (written < 0 || written >= rest.byteLength) return
        rest = rest.subarray(written)
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    close: () => socket.terminate(),
  }
}
