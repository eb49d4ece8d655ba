/** Pushes into repositories of this machine that others share: by their real modes, and by a second user where possible. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { chmodSync, chownSync, lstatSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { deliveryFailure } from './failure.ts'
import { fetchRemote } from './fetch-remote.ts'
import { ensureMirror } from './mirror.ts'
import { pushBranch } from './push.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

const OTHER = 65_534
const isRoot = process.geteuid?.() === 0
const before = process.umask(0o077)

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
  chmodSync(bench.root, 0o755)
})
afterAll(async () => {
  process.umask(before)
  await bench.remove()
})

interface Shared {
  /** Under which its owner made it. */
  umask: number
  /** `core.sharedRepository`, where set. */
  shared?: string
  /** Modes of a new directory, a loose object or pack, and a ref. */
  expected: { directory: number; object: number; ref: number }
}

const RECORDS: [string, Shared][] = [
  ['for all to read', { umask: 0o022, expected: { directory: 0o755, object: 0o444, ref: 0o644 } }],
  ['for a group, by umask', { umask: 0o002, expected: { directory: 0o775, object: 0o444, ref: 0o664 } }],
  ['for a group to read', { umask: 0o027, expected: { directory: 0o750, object: 0o440, ref: 0o640 } }],
  ['for its owner alone', { umask: 0o077, expected: { directory: 0o700, object: 0o400, ref: 0o600 } }],
  [
    'shared=group',
    { umask: 0o022, shared: 'group', expected: { directory: 0o2775, object: 0o444, ref: 0o664 } },
  ],
  [
    'shared=0640',
    { umask: 0o077, shared: '0640', expected: { directory: 0o2750, object: 0o440, ref: 0o640 } },
  ],
  ['shared=all', { umask: 0o077, shared: 'all', expected: { directory: 0o2775, object: 0o444, ref: 0o664 } }],
]

let made = 0
async function makeShared({ umask, shared }: Pick<Shared, 'umask' | 'shared'>): Promise<string> {
  made += 1
  const path = join(bench.root, `shared${made}.git`)
  const source = await bench.createRemote(`source${made}.git`)
  const ours = process.umask(umask)
  try {
    const flags = shared === undefined ? [] : [`--shared=${shared}`]
    await git(bench.root, 'init', '--quiet', '--bare', '--initial-branch=main', ...flags, path)
    await git(source, 'push', '--quiet', path, 'main')
  } finally {
    process.umask(ours)
  }
  return path
}

/** Commits `files` on top of main and pushes them to `branch`, as a delivery does. */
async function pushTo(path: string, branch: string, files = 3) {
  const url = `file://${path}`
  const remote = parseRemote(url, { allowHttp: true })
  const { host } = bench
  const mirror = await ensureMirror(host, newId(), remote)
  const signal = new AbortController().signal
  const source = sourceOf(url)
  const about = { host, mirror, source, remote, baseBranch: 'main', signal }
  const { baseCommit } = await fetchRemote({ ...about, workingBranch: branch })
  const lines = Array.from(
    { length: files },
    (_, i) => `M 100644 inline f${i}\ndata ${String(i).length}\n${i}`,
  )
  const stream = `commit refs/t\ncommitter A <a@b.c> 1 +0000\ndata 1\nx\nfrom ${baseCommit}\n${lines.join('\n')}\n`
  Bun.spawnSync(['git', 'fast-import', '--quiet'], { cwd: mirror, stdin: Buffer.from(stream) })
  const commit = await git(mirror, 'rev-parse', 'refs/t')
  const push = { ...about, commit, branch, refused: deliveryFailure, confirm: async () => true }
  return { commit, result: await pushBranch(push) }
}

function walk(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap(entry => {
    const child = join(path, entry.name)
    return entry.isDirectory() ? [child, ...walk(child)] : [child]
  })
}

const modeOf = (path: string) => lstatSync(path).mode & 0o7777

describe('a push into a repository keeps its modes', () => {
  test.each(RECORDS)('%s', async (_, { expected, ...shared }) => {
    const path = await makeShared(shared)
    const old = new Set(walk(path))
    const { commit, result } = await pushTo(path, 'mogplex/run/x')
    expect(result).toMatchObject({ exitCode: 0 })
    expect(await git(path, 'rev-parse', 'mogplex/run/x')).toBe(commit)
    const added = walk(path).filter(each => !old.has(each))
    expect(added.length).toBeGreaterThan(3)
    for (const each of added) {
      const kind = lstatSync(each).isDirectory() ? 'directory' : each.includes('/objects/') ? 'object' : 'ref'
      expect([each.slice(path.length), modeOf(each).toString(8)]).toEqual([
        each.slice(path.length),
        expected[kind].toString(8),
      ])
    }
  })

  test('also where so much comes that git keeps it as a pack', async () => {
    const path = await makeShared({ umask: 0o022 })
    const old = new Set(walk(path))
    expect((await pushTo(path, 'work', 200)).result).toMatchObject({ exitCode: 0 })
    const packs = walk(path).filter(each => !old.has(each) && each.includes('/pack/'))
    expect(packs.map(each => [each.split('.').at(-1), modeOf(each).toString(8)]).sort()).toEqual(
      packs.map(each => [each.split('.').at(-1), '444']).sort(),
    )
    expect(packs.length).toBeGreaterThan(1)
  })
})

/** git as another user of the machine; its words with its exit. */
function asOther(directory: string, ...args: string[]) {
  const config = join(bench.root, 'other.gitconfig')
  writeFileSync(config, '[safe]\n\tdirectory = *\n[user]\n\tname = O\n\temail = o@x.test\n')
  chmodSync(config, 0o644)
  const setpriv = ['setpriv', `--reuid=${OTHER}`, `--regid=${OTHER}`, '--clear-groups']
  const ours = process.umask(0o002)
  const result = Bun.spawnSync([...setpriv, 'git', ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', GIT_CONFIG_GLOBAL: config },
  })
  process.umask(ours)
  return { ok: result.success, said: result.stderr.toString() }
}

describe.if(isRoot)('another user', () => {
  test('clones a repository that is for all to read after a push', async () => {
    const path = await makeShared({ umask: 0o022 })
    await pushTo(path, 'mogplex/run/x')
    const place = join(bench.root, `other${made}`)
    const ours = process.umask(0)
    await Bun.$`mkdir ${place}`.quiet()
    process.umask(ours)
    chownSync(place, OTHER, OTHER)
    const cloned = asOther(place, 'clone', '--quiet', '--branch', 'mogplex/run/x', `file://${path}`, 'clone')
    expect(cloned).toEqual({ ok: true, said: '' })
  })

  test.each(['group', undefined])(
    'of the group branches, pushes and collects garbage after a push (shared=%p)',
    async shared => {
      const path = await makeShared({ umask: 0o002, ...(shared ? { shared } : {}) })
      await Bun.$`chgrp -R ${OTHER} ${path} && find ${path} -type d -exec chmod g+s {} +`.quiet()
      await pushTo(path, 'mogplex/run/x')
      await pushTo(path, 'mogplex/run/big', 200)
      expect(asOther(path, 'branch', 'mogplex/run/y', 'mogplex/run/x')).toEqual({ ok: true, said: '' })
      expect(asOther(path, 'branch', '-D', 'mogplex/run/x')).toMatchObject({ ok: true })
      expect(asOther(path, 'gc', '--quiet', '--prune=now')).toEqual({ ok: true, said: '' })
      expect(asOther(path, 'fsck', '--no-dangling')).toMatchObject({ ok: true })
      // Git has written the packed refs anew, which are the other's now, and the other works on.
      expect((await pushTo(path, 'mogplex/run/z')).result).toMatchObject({ exitCode: 0 })
      expect(asOther(path, 'branch', '-f', 'mogplex/run/y', 'mogplex/run/z')).toEqual({ ok: true, said: '' })
      expect((await pushTo(path, 'mogplex/run/q')).result).toMatchObject({ exitCode: 0 })
    },
  )

  test.each(['', 'HEAD', 'config', 'objects', 'refs', 'refs/heads', 'objects/pack'])(
    'who owns %p of a repository keeps runs away from it, and nothing of it is written',
    async part => {
      const path = await makeShared({ umask: 0o022 })
      chownSync(join(path, part), OTHER, OTHER)
      const old = walk(path)
      await expect(pushTo(path, 'work')).rejects.toMatchObject({
        code: 'git_sync_failed',
        message: expect.stringMatching(/belongs to another account.*chown.*https or ssh/),
      })
      expect(walk(path)).toEqual(old)
    },
  )
})
