/** What a git server does to exhaust the host that fetches from it. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { host, SMALL_BOUNDS, sync } from './deliver-pack.ts'
import { header, Pack } from './pack.ts'

setDefaultTimeout(60_000)

const COMMIT = 'a'.repeat(40)
const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`
const advertisement = (refs: string[]) =>
  [
    line('# service=git-upload-pack\n'),
    '0000',
    ...refs.map((ref, index) => line(`${COMMIT} ${ref}${index === 0 ? '\0ofs-delta' : ''}\n`)),
    '0000',
  ].join('')

/** As much as is read, and a chunk again. */
function endless(start: Uint8Array, chunk: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: controller => controller.enqueue(start),
    pull: controller => controller.enqueue(chunk),
  })
}

/** A blob that never ends, in blocks that are stored and not compressed. */
function endlessPack(): ReadableStream<Uint8Array> {
  const start = Buffer.concat([
    Buffer.from(line('NAK\n')),
    new Pack().bytes(1).subarray(0, 12),
    header(3, 2 ** 40),
    Buffer.from([0x78, 0x01]),
  ])
  const block = Buffer.alloc(5 + 65_535, 7)
  block.set([0, 0xff, 0xff, 0, 0])
  return endless(start, block)
}

function doublingPack(): Blob {
  const pack = new Pack()
  pack.doubling(8 * 1024 ** 2, 6)
  return new Blob([line('NAK\n'), new Uint8Array(pack.bytes())])
}

interface Attempt {
  attempt: string
  refusal: RegExp
  refs?: () => BodyInit
  pack?: () => BodyInit | Promise<Response>
  timeoutMs?: number
}

const LONG = 'x'.repeat(160)

const attempts: Attempt[] = [
  { attempt: 'a pack without end', refusal: /exceeded the 2 MiB/, pack: endlessPack },
  { attempt: 'deltas that double what they unpack to', refusal: /96 MiB of memory/, pack: doublingPack },
  {
    attempt: 'nothing, once it is asked for a pack',
    refusal: /took longer than the 2 s/,
    timeoutMs: 2_000,
    pack: () => new Promise<Response>(() => {}),
  },
  {
    attempt: 'refs without end',
    refusal: /memory|took longer|sent too much|could not|git ended/,
    refs: () =>
      endless(
        Buffer.from(advertisement(['refs/heads/main']).slice(0, -4)),
        Buffer.from(line(`${COMMIT} refs/x/HEAD\n`).repeat(1_000)),
      ),
  },
  {
    attempt: 'two hundred thousand refs with long names',
    refusal: /sent too much|memory|took longer|git ended/,
    refs: () => advertisement(Array.from({ length: 200_000 }, (_, index) => `refs/${LONG}/${index}/HEAD`)),
  },
]

test.each(attempts)('a server sends $attempt', async ({ refusal, refs, pack, timeoutMs }) => {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 60,
    fetch: async request => {
      const isAsked = new URL(request.url).pathname.endsWith('/info/refs')
      const body = isAsked ? (refs?.() ?? advertisement(['HEAD', 'refs/heads/main'])) : await pack?.()
      if (body instanceof Response) return body
      const kind = isAsked ? 'advertisement' : 'result'
      return new Response(body, { headers: { 'content-type': `application/x-git-upload-pack-${kind}` } })
    },
  })
  afterAll(() => server.stop(true))
  const bounds = timeoutMs ? { fetch: { ...SMALL_BOUNDS.fetch, timeoutMs } } : {}
  const failure = await sync(`${server.url.origin}/x`, null, bounds).catch(error => error)
  expect(failure).toMatchObject({ code: 'git_sync_failed' })
  expect(failure.message).toMatch(refusal)
  const mirrors = join(host.dataDirectory, 'mirrors')
  const left = readdirSync(mirrors, { recursive: true }).filter(name => /tmp_|\.pack$/.test(String(name)))
  expect(left).toEqual([])
})
