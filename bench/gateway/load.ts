/** Load over keep-alive connections: as much as goes with wrk, or at a fixed rate with our own. */
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'

const CONNECTIONS = 64

export interface Target {
  url: string
  headers: Record<string, string>
  /** No two requests are the same: each has another query. */
  isVaried?: boolean
}

/** Requests per second that `target` answers; throws when an answer was not 2xx. */
export async function requestsPerSecond(
  { url, headers, isVaried = false }: Target,
  seconds: number,
): Promise<number> {
  const flags = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  if (isVaried) flags.push('-s', scriptThatVaries(new URL(url).pathname))
  const command = ['wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...flags, url]
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'inherit' })
  const text = await new Response(child.stdout).text()
  if (/Non-2xx/.test(text)) throw new Error(`${url} did not serve everybody:\n${text}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1] ?? Number.NaN)
}

/** The path of a program for wrk. */
function scriptThatVaries(path: string): string {
  const file = join(temporaryDirectory('wrk'), 'varied.lua')
  writeFileSync(
    file,
    `local n = 0
function request()
  n = n + 1
  return wrk.format(nil, '${path}?n=' .. n)
end
`,
  )
  return file
}

/**
 * Asks `rate` times a second, whether or not answers come, and resolves with how long each took in ms,
 * counted from when it should have been sent: what waits in line because of a slow answer counts as slow.
 */
export async function latenciesAt(target: Target, rate: number, seconds: number): Promise<number[]> {
  const idle = await Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(target)))
  const all = [...idle]
  const waiting: number[] = []
  const latencies: number[] = []
  const total = rate * seconds
  const { promise: isOver, resolve } = Promise.withResolvers<void>()
  const startAt = performance.now() + 50

  const send = (dueAt: number) => {
    const connection = idle.pop()
    if (!connection) return void waiting.push(dueAt)
    connection.ask(() => {
      latencies.push(performance.now() - dueAt)
      idle.push(connection)
      const next = waiting.shift()
      if (next !== undefined) send(next)
      if (latencies.length === total) resolve()
    })
  }
  let sent = 0
  while (sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - startAt) / 1_000) * rate) + 1)
    for (; sent < due; sent += 1) send(startAt + (sent * 1_000) / rate)
    await new Promise(next => setImmediate(next))
  }
  await isOver
  for (const connection of all) connection.close()
  return latencies
}

interface Connection {
  ask: (onAnswer: () => void) => void
  close: () => void
}

/** A client that does as little as possible: it counts the bytes of answers of known length. */
function openConnection({ url, headers }: Target): Promise<Connection> {
  const { hostname, port, host, pathname, search } = new URL(url)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let onAnswer: () => void = () => undefined
    let received = ''
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      received += text
      const end = received.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? Number.NaN)
      if (end < 0 || received.length < end + 4 + length) return
      if (!received.startsWith('HTTP/1.1 200')) throw new Error(received.slice(0, 200))
      received = ''
      onAnswer()
    })
    socket.once('error', reject)
    socket.once('connect', () =>
      resolve({
        ask: done => {
          onAnswer = done
          socket.write(request)
        },
        close: () => socket.destroy(),
      }),
    )
  })
}
