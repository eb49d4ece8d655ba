/** What open event streams cost the gateway in memory. */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { formatTable } from '../table.ts'
import { startScene } from './scene.ts'

/** Each needs two sockets of the gateway, and a process may not have much more than 20,000 on many machines. */
const STREAMS = 5_000
const AT_ONCE = 100
const PAGE_BYTES = 4_096

/** Resolves with the table to print. */
export async function measureStreams(): Promise<string> {
  let open = 0
  const upstream = Bun.serve({
    ...{ port: 0, hostname: '127.0.0.1', idleTimeout: 255 },
    fetch: () => {
      open += 1
      const body = new ReadableStream({
        start: controller => controller.enqueue(new TextEncoder().encode(': hello\n\n')),
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  const scene = await startScene(`http://127.0.0.1:${upstream.port}`, {
    MAX_UPSTREAM_REQUESTS: '16384',
    MAX_EVENT_STREAMS_PER_USER: '16384',
    MAX_EVENT_STREAMS_PER_TOKEN: '16384',
  })
  const url = new URL(`${scene.gateway.url.replace(/\/repos$/, '')}/runs/${crypto.randomUUID()}/events`)
  const sockets: Socket[] = []
  const openStreams = async (count: number) => {
    for (let begun = 0; begun < count; begun += AT_ONCE)
      sockets.push(
        ...(await Promise.all(Array.from({ length: AT_ONCE }, () => openStream(url, scene.token)))),
      )
  }
  // What a first stream costs is not what each costs.
  await openStreams(AT_ONCE)
  await Bun.sleep(1_000)
  const before = residentBytes(scene.pid)
  await openStreams(STREAMS)
  await waitUntil(() => open >= STREAMS + AT_ONCE, { limitMs: 10_000 })
  await Bun.sleep(2_000)
  const perStream = (residentBytes(scene.pid) - before) / STREAMS
  for (const socket of sockets) socket.destroy()
  await scene.stop()
  await upstream.stop(true)
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20).toString()
  return formatTable(
    `Memory of the gateway with ${STREAMS} open event streams`,
    ['', 'MiB'],
    [
      ['before', mebibytes(before)],
      ['more for 10,000 streams', mebibytes(perStream * 10_000)],
    ],
  )
}

/** Resolves when the first event has come. */
function openStream({ hostname, port, pathname, host }: URL, token: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.once('error', reject)
    socket.on('data', data => {
      if (data.toString().includes('200 OK')) resolve(socket)
      else if (!data.toString().includes('hello')) reject(new Error(data.toString()))
    })
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\n\r\n`,
    )
  })
}

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
}
