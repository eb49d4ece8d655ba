/**
 * Listens on a port the moment it is free, and plays NATS in another way to each who comes. Prints a line of JSON
 * about each connection when it ends: what it played, and what it was sent.
 *
 *     node port-thief.mjs PORT CERTIFICATE KEY RECORDED   (base64: PEM, PEM, what the real server once sent)
 */
import { createServer } from 'node:net'
import { TLSSocket } from 'node:tls'

const [port, certificate, key, recorded] = [Number(process.argv[1]), ...process.argv.slice(2).map(decode)]
const PATIENCE_MS = 400
const INFO = {
  server_id: 'x',
  version: '2.9.10',
  proto: 1,
  host: '127.0.0.1',
  port,
  headers: true,
  max_payload: 1e6,
}
const NONCE = 'AAAAAAAAAAAAAAAA'

/** What is said at once, and whether TLS follows. */
const PLAYS = {
  'no login wanted': { info: INFO },
  'a nonce to sign, without TLS': { info: { ...INFO, auth_required: true, nonce: NONCE } },
  'TLS only if one likes': { info: { ...INFO, tls_available: true, nonce: NONCE }, tls: true },
  'a certificate of its own': { info: { ...INFO, tls_required: true, nonce: NONCE }, tls: true },
  'another server to go to': { info: { ...INFO, connect_urls: [`127.0.0.1:${port + 1}`], nonce: NONCE } },
  'what the real server once said': { raw: recorded },
  'no NATS at all': { raw: Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') },
  nothing: {},
}

let count = 0
const server = createServer(socket => {
  const names = Object.keys(PLAYS)
  const play = names[count++ % names.length]
  const { info, raw, tls } = PLAYS[play]
  const record = { play, sent: [], decrypted: [] }
  socket.on('error', () => undefined)
  socket.on('close', () =>
    console.log(JSON.stringify({ ...record, sent: join(record.sent), decrypted: join(record.decrypted) })),
  )
  if (info) socket.write(`INFO ${JSON.stringify(info)}\r\n`)
  if (raw) socket.write(raw)
  if (tls) {
    const secure = new TLSSocket(socket, { isServer: true, cert: certificate, key })
    secure.on('error', () => undefined)
    secure.on('data', bytes => record.decrypted.push(bytes))
    secure.on('secure', () => secure.write('PING\r\n'))
  } else socket.on('data', bytes => record.sent.push(bytes))
  setTimeout(() => socket.destroy(), PATIENCE_MS)
})

server.on('error', () => setTimeout(take, 1))
server.on('listening', () => console.log(JSON.stringify({ isListening: true })))
function take() {
  server.listen({ host: '127.0.0.1', port })
}
take()
console.log(JSON.stringify({ isTrying: true }))

function decode(text) {
  return Buffer.from(text, 'base64')
}

function join(parts) {
  return Buffer.concat(parts).toString('base64')
}
