/**
 * Takes the agent's commits out of the sandbox. The sandbox writes, nothing of it is executed: git's own checker
 * reads the pack, refuses damaged or malicious objects and broken links (`--strict`), within bounds.
 */
import { type GitResult, tail } from '@mogplex/kit/host-git/run-git.ts'
import { boundsOf } from './bounds.ts'
import { type GitHost, runHostGit } from './host-git.ts'
import { type Incoming, incomingEnvironment } from './incoming.ts'
import type { RunningScript } from './sandbox-git.ts'

const COMMIT_LINE_BYTES = 41
/** "PACK", the version, and how many objects follow. */
const PACK_HEADER_BYTES = 12
/** As long as a pack's header: "LEFT ", six digits, a newline. */
const NOTES_HEADER = /^LEFT (\d{6})\n$/
const MAX_NOTES_BYTES = 64 * 1024

export type ReceivedCommits =
  /** `notes`: what the script says it has left out, as bytes that nobody has looked at; at most 64 KiB. */
  | { kind: 'received'; commit: string; notes: Uint8Array }
  /** The script said no: its exit code (null: stopped or out of time) and the end of its stderr. */
  | { kind: 'refused'; exitCode: number | null; stderr: string }
  /** Git on the host would not take the pack. `bound`: which limit it went over, null for a damaged one. */
  | { kind: 'damaged'; stderr: string; bound: string | null }

interface Target {
  host: GitHost
  incoming: Incoming
  signal: AbortSignal
}

/**
 * Reads `<commit>\n[LEFT <bytes>\n<notes>][pack]` from the script and stores the pack. Leaves nothing of the script running. The
 * commit is what the sandbox claims; the caller finds out whether the objects have it.
 */
export async function receiveCommits(running: RunningScript, target: Target): Promise<ReceivedCommits> {
  const scriptErrors = tail(running.stderr)
  const chunks = running.stdout[Symbol.asyncIterator]()
  const pack = Promise.withResolvers<AsyncIterable<Uint8Array> | null>()
  // Started while the script still works: it takes as long to start as a small pack takes to be read.
  const indexing = indexPack(target, pack.promise)
  // It is awaited further down, whatever happens before.
  indexing.catch(() => undefined)
  try {
    const { line, rest } = await readStart(chunks, COMMIT_LINE_BYTES)
    const commit = /^([0-9a-f]{40})\n$/.exec(line.toString('latin1'))?.[1]
    const { notes, start } = await readNotes(chunks, rest)
    const hasPack = commit !== undefined && start.line.byteLength > 0
    const allowed = boundsOf(target.host).deliveredObjects
    const isTooMany = hasPack && objectCount(start.line) > allowed
    pack.resolve(hasPack && !isTooMany ? concatenate([start.line, start.rest], chunks) : null)
    if (!hasPack && start.line.byteLength > 0) await running.stop()
    const indexed = await indexing.finally(hasPack ? running.stop : undefined)
    // A pack that git took is whole, whatever became of the script that wrote it.
    const exitCode = await running.finish()
    if (isTooMany) return { kind: 'damaged', stderr: '', bound: `have more than ${allowed} objects` }
    if (hasPack) return judge(commit, notes, indexed)
    if (commit && exitCode === 0) return { kind: 'received', commit, notes }
    return { kind: 'refused', exitCode, stderr: await scriptErrors }
  } finally {
    pack.resolve(null)
    await indexing.catch(() => undefined)
  }
}

/** The notes, if there are any, and what comes after them. */
async function readNotes(chunks: AsyncIterator<Uint8Array>, before: Buffer) {
  const start = await readStart(chunks, PACK_HEADER_BYTES, before)
  const size = Number(NOTES_HEADER.exec(start.line.toString('latin1'))?.[1] ?? Number.NaN)
  if (!(size <= MAX_NOTES_BYTES)) return { notes: new Uint8Array(), start }
  const { line: notes, rest } = await readStart(chunks, size, start.rest)
  return { notes, start: await readStart(chunks, PACK_HEADER_BYTES, rest) }
}

function judge(
  commit: string,
  notes: Uint8Array,
  { exitCode, stderr, exceeded }: GitResult,
): ReceivedCommits {
  if (exitCode === 0) return { kind: 'received', commit, notes }
  return { kind: 'damaged', stderr, bound: exceeded?.text ?? null }
}

/** With null it ends without having stored anything. */
function indexPack(
  { host, incoming, signal }: Target,
  pack: Promise<AsyncIterable<Uint8Array> | null>,
): Promise<GitResult> {
  const limits = boundsOf(host).delivery
  const given = async function* () {
    const chunks = await pack
    if (chunks) yield* chunks
  }
  return runHostGit({
    host,
    gitDirectory: incoming.mirror,
    args: ['index-pack', '--stdin', '--strict', '--fix-thin', `--max-input-size=${limits.fileBytes}`],
    env: incomingEnvironment(incoming),
    stdin: given(),
    signal,
    limits,
  })
}

/** 0 for what is no pack: git says so itself. */
function objectCount(header: Buffer): number {
  return header.byteLength === PACK_HEADER_BYTES ? header.readUInt32BE(8) : 0
}

/** The first `size` bytes, or all there are, and what came with them. */
async function readStart(
  chunks: AsyncIterator<Uint8Array>,
  size: number,
  before: Buffer = Buffer.alloc(0),
): Promise<{ line: Buffer; rest: Buffer }> {
  let seen = before
  while (seen.byteLength < size) {
    const next = await chunks.next()
    if (next.done) break
    seen = Buffer.concat([seen, next.value])
  }
  return { line: seen.subarray(0, size), rest: seen.subarray(size) }
}

async function* concatenate(
  start: Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* start
  while (true) {
    const next = await rest.next()
    if (next.done) return
    yield next.value
  }
}
