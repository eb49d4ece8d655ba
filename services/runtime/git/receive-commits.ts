/**
 * Takes the agent's commits out of the sandbox into the mirror. The sandbox writes, nothing of it is executed:
 * git's own checker reads the pack, refuses damaged or malicious objects and broken links (`--strict`), and
 * keeps nothing of a pack it refuses.
 */
import { type GitHost, runHostGit, tail } from './host-git.ts'
import type { RunningScript } from './sandbox-git.ts'

/** Protects the host's disk. */
const MAX_PACK_BYTES = 2 * 1024 ** 3
const COMMIT_LINE_BYTES = 41

export type ReceivedCommits =
  | { kind: 'received'; commit: string }
  /** The script said no: its exit code (null: stopped or out of time) and the end of its stderr. */
  | { kind: 'refused'; exitCode: number | null; stderr: string }
  /** Git on the host would not take the pack. */
  | { kind: 'damaged'; stderr: string }

/**
 * Reads `<commit>\n[pack]` from the script and stores the pack. Leaves nothing of the script running. The
 * commit is what the sandbox claims; the caller finds out whether the mirror has it.
 */
export async function receiveCommits(
  running: RunningScript,
  target: { host: GitHost; mirror: string; signal: AbortSignal },
): Promise<ReceivedCommits> {
  const scriptErrors = tail(running.stderr)
  const chunks = running.stdout[Symbol.asyncIterator]()
  const { line, rest } = await readFirstLine(chunks)
  const commit = /^([0-9a-f]{40})\n$/.exec(line)?.[1]
  const next = rest.byteLength > 0 ? { value: rest, done: false } : await chunks.next()
  if (!commit || next.done) {
    if (!next.done) await running.stop()
    const exitCode = await running.finish()
    if (commit && exitCode === 0) return { kind: 'received', commit }
    return { kind: 'refused', exitCode, stderr: await scriptErrors }
  }
  const indexed = await runHostGit({
    host: target.host,
    gitDirectory: target.mirror,
    args: ['index-pack', '--stdin', '--strict', '--fix-thin', `--max-input-size=${MAX_PACK_BYTES}`],
    stdin: concatenate(next.value, chunks),
    signal: target.signal,
  }).finally(running.stop)
  // A pack that git took is whole, whatever became of the script that wrote it.
  await running.finish()
  return indexed.exitCode === 0 ? { kind: 'received', commit } : { kind: 'damaged', stderr: indexed.stderr }
}

async function readFirstLine(chunks: AsyncIterator<Uint8Array>): Promise<{ line: string; rest: Uint8Array }> {
  let seen = Buffer.alloc(0)
  while (seen.byteLength < COMMIT_LINE_BYTES) {
    const next = await chunks.next()
    if (next.done) break
    seen = Buffer.concat([seen, next.value])
  }
  return {
    line: seen.subarray(0, COMMIT_LINE_BYTES).toString('latin1'),
    rest: seen.subarray(COMMIT_LINE_BYTES),
  }
}

async function* concatenate(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  while (true) {
    const next = await rest.next()
    if (next.done) return
    yield next.value
  }
}
