/** Parts of a body that goes out, to a client or to a service. */
import type { SocketWriter } from './socket-writer.ts'

/** One part, as a chunk where the body goes in chunks. */
export function writePart(writer: SocketWriter, bytes: Uint8Array, isChunked: boolean): void {
  // A chunk without bytes would end the body.
  if (bytes.byteLength === 0) return
  if (isChunked) writer.write(`${bytes.byteLength.toString(16)}\r\n`, bytes, '\r\n')
  else writer.write(bytes)
}

/** What says that no part follows. */
export function writeEnd(writer: SocketWriter, isChunked: boolean): void {
  if (isChunked) writer.write('0\r\n\r\n')
}
