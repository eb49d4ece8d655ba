/** What an agent commits to exhaust the host that takes its commits over. */
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { host, makeTarget, SMALL_BOUNDS } from './deliver-pack.ts'
import { Pack, type TreeEntry } from './pack.ts'

setDefaultTimeout(60_000)

let target: Awaited<ReturnType<typeof makeTarget>>
beforeAll(async () => {
  target = await makeTarget()
})

const file = (name: string, id: string): TreeEntry => ({ mode: '100644', name, id })
const directory = (name: string, id: string): TreeEntry => ({ mode: '40000', name, id })
const numbered = (count: number, entry: (name: string) => TreeEntry) =>
  Array.from({ length: count }, (_, index) => entry(`n${String(index).padStart(9, '0')}`))

/** Ten to the power of `levels` files out of few objects. */
function exponential(pack: Pack, levels: number): string {
  const blob = pack.add('blob', Buffer.from('x'))
  let tree = pack.tree(numbered(10, name => file(name, blob)))
  for (let level = 1; level < levels; level += 1) {
    const id = tree
    tree = pack.tree(numbered(10, name => directory(name, id)))
  }
  return tree
}

function nested(pack: Pack, levels: number): string {
  let tree = pack.tree([file('f', pack.add('blob', Buffer.from('x')))])
  for (let level = 0; level < levels; level += 1) tree = pack.tree([directory('d', tree)])
  return tree
}

/** One commit with one file of that name. */
const named = (pack: Pack, name: string) => pack.tree([file(name, pack.add('blob', Buffer.from('x')))])

interface Attempt {
  attempt: string
  refusal: RegExp
  /** Gives the commit it claims to have made. */
  make: (pack: Pack) => string
  /** How many objects the pack says it has. Default: as many as it has. */
  claims?: number
}

const attempts: Attempt[] = [
  {
    attempt: 'a directory of more files than a delivery may change',
    refusal: /change more than 1000 files$/,
    make: pack => {
      const blob = pack.add('blob', Buffer.from('x'))
      return pack.commit(pack.tree(numbered(2_000, name => file(name, blob))), target.base)
    },
  },
  {
    attempt: 'ten million paths out of eight trees',
    refusal: /needed more than the 64 MiB of memory|change more than 1000 files/,
    make: pack => pack.commit(exponential(pack, 7), target.base),
  },
  {
    attempt: 'ten thousand million paths that the next commit removes again',
    refusal: /processor time|took longer/,
    make: pack => pack.commit(target.tree, pack.commit(exponential(pack, 10), target.base)),
  },
  {
    attempt: 'a hundred thousand directories in one another',
    refusal: /path longer than|nested deeper|memory/,
    make: pack => pack.commit(nested(pack, 100_000), target.base),
  },
  {
    attempt: 'directories in one another whose path nobody can open',
    refusal: /path longer than 4096 bytes$/,
    make: pack => pack.commit(nested(pack, 2_100), target.base),
  },
  {
    attempt: 'a file name of 64 KiB',
    refusal: /path longer than 4096 bytes$/,
    make: pack => pack.commit(named(pack, 'n'.repeat(65_536)), target.base),
  },
  {
    attempt: 'more commits than a delivery may have',
    refusal: /more than 100 commits$/,
    make: pack => {
      let commit = target.base
      for (let made = 0; made < 200; made += 1) commit = pack.commit(target.tree, commit, String(made))
      return commit
    },
  },
  {
    attempt: 'four thousand million objects, by the word of the pack',
    refusal: /more than 300000 objects$/,
    make: pack => pack.commit(target.tree, target.base),
    claims: 4_000_000_000,
  },
  {
    attempt: 'a pack larger than a delivery may be',
    refusal: /exceeded the 6 MiB/,
    make: pack => {
      const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)))
      const blobs = Array.from({ length: 128 }, (_, index) =>
        pack.add('blob', Buffer.concat([noise.subarray(index), noise.subarray(0, index)])),
      )
      return pack.commit(pack.tree([file('f', blobs[0] ?? '')]), target.base)
    },
  },
  {
    attempt: 'a commit message of 80 MiB',
    refusal: /64 MiB of memory/,
    make: pack => pack.commit(target.tree, target.base, 'a'.repeat(80 * 1024 ** 2)),
  },
  {
    attempt: 'deltas that double what they unpack to',
    refusal: /64 MiB of memory/,
    make: pack => {
      pack.doubling(8 * 1024 ** 2, 5)
      return pack.commit(target.tree, target.base)
    },
  },
  {
    attempt: 'a compressed object that unpacks to more than it says',
    refusal: /are damaged$/,
    make: pack => {
      pack.lying(10, Buffer.alloc(1024 ** 2))
      return pack.commit(target.tree, target.base)
    },
  },
  {
    attempt: 'a file called ..',
    refusal: /are damaged$/,
    make: pack => pack.commit(named(pack, '..'), target.base),
  },
  {
    attempt: 'a file called .git',
    refusal: /are damaged$/,
    make: pack => pack.commit(named(pack, '.git'), target.base),
  },
  {
    attempt: 'a file whose name is a path',
    refusal: /are damaged$/,
    make: pack => pack.commit(named(pack, 'a/b'), target.base),
  },
  {
    attempt: 'a commit whose tree it keeps back',
    refusal: /are damaged$|are incomplete$/,
    make: pack => pack.commit('1'.repeat(40), target.base),
  },
  {
    attempt: 'a commit that it does not send',
    refusal: /are incomplete$/,
    make: pack => {
      pack.commit(target.tree, target.base)
      return '2'.repeat(40)
    },
  },
]

test.each(attempts)('the agent delivers $attempt', async ({ refusal, make, claims }) => {
  const pack = new Pack()
  const commit = make(pack)
  const failure = await target.take(commit, pack.bytes(claims)).catch(error => error)
  expect(failure).toMatchObject({ code: 'delivery_failed' })
  expect(failure.message).toStartWith("The agent finished, but delivery failed: the agent's commits ")
  expect(failure.message).toMatch(refusal)
  expectNothingLeft()
})

test('the agent delivers a pack that comes byte by byte and never ends', async () => {
  const bytes = new Pack().bytes(5)
  let at = 0
  const slow = new ReadableStream<Uint8Array>({
    pull: async controller => {
      await Bun.sleep(50)
      controller.enqueue(bytes.subarray(at % 12, (at % 12) + 1))
      at += 1
    },
  })
  const failure = await target.take('3'.repeat(40), slow).catch(error => error)
  expect(failure).toMatchObject({ code: 'delivery_failed' })
  expectNothingLeft()
})

test('what is within the bounds is delivered, control bytes in names too', async () => {
  const pack = new Pack()
  const blob = pack.add('blob', Buffer.from('x'))
  const tree = pack.tree(numbered(SMALL_BOUNDS.changedFiles - 2, name => file(`\u0001\n${name}`, blob)))
  const commit = pack.commit(tree, target.base)
  expect(await target.take(commit, pack.bytes())).toMatchObject({ pushed: true, commit })
  expect(target.remote.branches()).toMatchObject({ work: commit })
})

function expectNothingLeft(): void {
  expect(readdirSync(join(host.dataDirectory, 'incoming'))).toEqual([])
  expect(target.remote.branches()).toEqual({ main: target.base })
  expect(readdirSync(join(target.mirror, 'objects')).filter(name => /incoming|tmp/.test(name))).toEqual([])
}
