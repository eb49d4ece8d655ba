/** Delivers what an agent hands out of its sandbox, as the product does it, but for the sandbox itself. */
import { join } from 'node:path'
import { newId } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { DEFAULT_BOUNDS, type GitBounds } from '../../../services/runtime/git/bounds.ts'
import { deliver } from '../../../services/runtime/git/deliver.ts'
import { fetchRemote } from '../../../services/runtime/git/fetch-remote.ts'
import type { GitHost } from '../../../services/runtime/git/host-git.ts'
import { ensureMirror } from '../../../services/runtime/git/mirror.ts'
import type { SandboxProvider } from '../../../services/runtime/sandboxes/provider.ts'
import { git, makeRemote } from '../../system/repositories.ts'

const MIB = 1024 ** 2
const log = createLog({ process: 'test', level: 'silent' })

/** The bounds of the product, small enough to be reached within seconds. */
export const SMALL_BOUNDS: GitBounds = {
  ...DEFAULT_BOUNDS,
  ask: { ...DEFAULT_BOUNDS.ask, timeoutMs: 20_000 },
  fetch: { ...DEFAULT_BOUNDS.fetch, timeoutMs: 30_000, memoryBytes: 96 * MIB, fileBytes: 2 * MIB },
  delivery: {
    ...DEFAULT_BOUNDS.delivery,
    timeoutMs: 30_000,
    cpuSeconds: 2,
    memoryBytes: 64 * MIB,
    fileBytes: 6 * MIB,
  },
  deliveredObjects: 300_000,
  deliveredCommits: 100,
  changedFiles: 1_000,
}

export const host: GitHost = {
  dataDirectory: join(temporaryDirectory('hostile-git'), 'data'),
  allowPrivateHosts: true,
  bounds: SMALL_BOUNDS,
}

/** A source without a credential. */
export function sourceOf(cloneUrl: string) {
  const names = { fullName: 'local/demo', defaultBranch: 'main', rootDirectory: null }
  return { provider: 'git', cloneUrl, auth: { kind: 'none' }, allowPrivateHosts: true, ...names } as const
}

/** What is done before a run, but for the sandbox. `path` is that of a local repository. */
export async function sync(cloneUrl: string, path: string | null, bounds: Partial<GitBounds> = {}) {
  const repoId = newId()
  const remote =
    path === null
      ? ({
          kind: 'http',
          scheme: 'http',
          url: cloneUrl,
          host: '127.0.0.1',
          port: portOf(cloneUrl),
          path: 'x',
        } as const)
      : ({ kind: 'local', url: cloneUrl, path } as const)
  const mirror = await ensureMirror(host, repoId, remote)
  const { signal } = new AbortController()
  const request = {
    host: { ...host, bounds: { ...SMALL_BOUNDS, ...bounds } },
    mirror,
    remote,
    source: sourceOf(cloneUrl),
    signal,
  }
  return {
    repoId,
    mirror,
    branches: await fetchRemote({ ...request, baseBranch: 'main', workingBranch: 'work' }),
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

/** A mirror of a remote with one commit, ready for deliveries. */
export async function makeTarget() {
  const remote = makeRemote()
  const { repoId, mirror, branches } = await sync(`file://${remote.path}`, remote.path)
  const base = branches.baseCommit
  const tree = git(remote.path, 'rev-parse', `${base}^{tree}`)

  /** `commit` and `pack` are what comes out of the sandbox. */
  async function take(commit: string, pack: ReadableStream<Uint8Array> | Buffer) {
    const out = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${commit}\n`)
      if (Buffer.isBuffer(pack)) yield pack
      else yield* pack
    }
    return await deliver({
      host,
      provider: handingOut(streamOf(out())),
      sandboxId: 'none',
      repoId,
      checkout: {
        baseBranch: 'main',
        workingBranch: 'work',
        baseCommit: base,
        headCommit: base,
        remoteCommit: null,
        freshClone: true,
      },
      author: { name: 'Ada', email: 'ada@example.test' },
      prompt: 'x',
      mode: 'AUTO',
      callId: 'x',
      source: sourceOf(`file://${remote.path}`),
      confirm: async () => true,
      signal: new AbortController().signal,
      log,
    })
  }
  return { remote, mirror, base, tree, take }
}

function streamOf(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: async controller => {
      const next = await chunks.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
  })
}

/** A provider whose process says what it is given. */
function handingOut(stdout: ReadableStream<Uint8Array>): SandboxProvider {
  const unused = async () => {
    throw new Error('not used here')
  }
  return {
    name: 'handing out',
    check: unused,
    create: unused,
    exists: unused,
    pause: unused,
    destroy: unused,
    exceeded: () => null,
    diskBytes: unused,
    shortage: () => null,
    start: async () => ({
      stdout,
      stderr: new Blob([]).stream(),
      exited: Promise.resolve({ exitCode: 0, signal: null }),
      stop: async () => undefined,
    }),
  }
}
