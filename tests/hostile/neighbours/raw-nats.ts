/** NATS spoken by hand, to say what no client would. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const LIMIT_MS = 15_000

export interface RawNats {
  /** Of the server's greeting. */
  nonce: string
  /** Says these lines and resolves with the answer up to the end, or to the first of PONG and -ERR. */
  say: (...lines: string[]) => Promise<string>
  close: () => void
}

/** Connects; goes on to TLS, believing any certificate, unless it is to stay in the open. */
export async function openRawNats(port: number, options: { isOpen?: boolean } = {}): Promise<RawNats> {
  const plain = connectTcp(port, '127.0.0.1')
  const greeting = await textUntil(plain, /\r\n/)
  const info: { nonce?: string } = JSON.parse(greeting.slice('INFO '.length))
  const socket = options.isOpen ? plain : await secured(plain)
  return {
    nonce: info.nonce ?? '',
    say: (...lines) => {
      const answer = textUntil(socket, /PONG\r\n|-ERR[^\r]*\r\n/)
      socket.write(lines.map(line => `${line}\r\n`).join(''))
      return answer
    },
    close: () => socket.destroy(),
  }
}

function secured(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const tls = connectTls({ socket, rejectUnauthorized: false }, () => resolve(tls))
    tls.on('error', reject)
  })
}

/** What arrives up to a match, or up to the end. */
function textUntil(socket: Socket, end: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error(`still waiting after ${JSON.stringify(text)}`)), LIMIT_MS)
    const done = () => {
      clearTimeout(timer)
      socket.off('data', read)
      resolve(text)
    }
    const read = (bytes: Buffer) => {
      text += bytes.toString('latin1')
      if (end.test(text)) done()
    }
    socket.on('data', read)
    socket.once('close', done)
    socket.on('error', () => undefined)
  })
}
