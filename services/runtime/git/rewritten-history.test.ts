import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { deliver } from './deliver.ts'
import { mirrorPath } from './mirror.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, type Run, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

const NEW_BRANCH = 'mogplex/agent-0123456789ab'
const AMEND = 'echo better > a; git add .; git commit -q --amend -m better'

interface Row {
  what: string
  /** Branches the remote has before, beside `main`. */
  before?: string[]
  /** What was delivered by earlier runs of the branch. */
  earlier?: string[]
  /** What a person did after that. */
  meanwhile?: (remote: string) => Promise<unknown>
  script: string
  /** What a person does while the agent works. */
  during?: (remote: string, run: Run) => Promise<unknown>
  /** The branch of the delivery, and what it has beside the base. */
  branch: string
  subjects: string[]
  note: RegExp | null
  /** What `work` has where that is not the branch. */
  kept?: string[]
}

const ours = () => bench
const theirCommit = (remote: string) => ours().commitToRemote(remote, 'work', 'theirs')

const ROWS: Row[] = [
  {
    what: 'what we pushed last is amended: replaced',
    earlier: ['echo a > a; git add .; git commit -qm first'],
    script: AMEND,
    branch: 'work',
    subjects: ['better'],
    note: /rewritten what was delivered before: it was replaced/,
  },
  {
    what: 'what we pushed last is rebased onto a new base and squashed: replaced',
    earlier: ['echo a > a; git add .; git commit -qm first', 'echo b > b; git add .; git commit -qm second'],
    meanwhile: remote => ours().commitToRemote(remote, 'main', 'news'),
    script: 'git reset -q --soft origin/main; git checkout -q origin/main -- news; git commit -qm squashed',
    branch: 'work',
    subjects: ['squashed'],
    note: /it was replaced/,
  },
  {
    what: 'a branch that was there before us is amended: a new branch',
    before: ['work'],
    earlier: ['echo a > a; git add .; git commit -qm first'],
    script: AMEND,
    branch: NEW_BRANCH,
    subjects: ['better'],
    note: /^Not pushed to work but to mogplex\/agent-0123456789ab: the agent has rewritten history/,
    kept: ['first'],
  },
  {
    what: "somebody's commit is amended: a new branch",
    earlier: ['echo a > a; git add .; git commit -qm first'],
    meanwhile: theirCommit,
    script: AMEND,
    branch: NEW_BRANCH,
    subjects: ['better', 'first'],
    note: /rewritten history/,
    kept: ['add theirs', 'first'],
  },
  {
    what: "our commit on top of somebody's is amended: replaced, theirs stays",
    earlier: ['echo a > a; git add .; git commit -qm first'],
    meanwhile: async remote => {
      await theirCommit(remote)
    },
    script: 'echo b > b; git add .; git commit -qm second',
    branch: 'work',
    subjects: ['second', 'add theirs', 'first'],
    note: null,
  },
  {
    what: "somebody's commit below ours is dropped: a new branch",
    earlier: [
      'echo a > a; git add .; git commit -qm first',
      'THEIRS',
      'echo b > b; git add .; git commit -qm second',
    ],
    script: 'git rebase -q --onto HEAD~2 HEAD~1',
    branch: NEW_BRANCH,
    subjects: ['second', 'first'],
    note: /rewritten history/,
    kept: ['second', 'add theirs', 'first'],
  },
  {
    what: 'amended while somebody pushes: a new branch',
    earlier: ['echo a > a; git add .; git commit -qm first'],
    script: AMEND,
    during: theirCommit,
    branch: NEW_BRANCH,
    subjects: ['better'],
    note: /rewritten history/,
    kept: ['add theirs', 'first'],
  },
  {
    what: 'amended after the mirror was lost: a new branch',
    earlier: ['echo a > a; git add .; git commit -qm first'],
    script: AMEND,
    during: async (_, run) => {
      const mirror = mirrorPath(bench.host, run.sync.repoId)
      await rm(join(mirror, 'created'), { recursive: true })
    },
    branch: NEW_BRANCH,
    subjects: ['better'],
    note: /rewritten history/,
    kept: ['first'],
  },
  {
    what: 'another history altogether: a new branch, the base stays',
    before: ['work'],
    meanwhile: theirCommit,
    script: 'git checkout -q --orphan lone; git commit -qm lone',
    branch: NEW_BRANCH,
    subjects: ['lone'],
    note: /not made on what is on the branch/,
    kept: ['add theirs'],
  },
  {
    what: 'the branch renamed',
    script: 'echo a > a; git add .; git commit -qm first; git branch -m better-name; echo b > b',
    branch: 'work',
    subjects: ['Do the thing', 'first'],
    note: null,
  },
  {
    what: 'another branch from base, with the working branch left as it was',
    earlier: ['echo a > a; git add .; git commit -qm first'],
    script: 'git checkout -q -b other origin/main; echo b > b; git add .; git commit -qm other',
    branch: NEW_BRANCH,
    subjects: ['other'],
    note: /not made on what is on the branch/,
    kept: ['first'],
  },
  {
    what: 'a detached HEAD on top of the branch',
    script: 'git checkout -q --detach; echo a > a; git add .; git commit -qm first; echo b > b',
    branch: 'work',
    subjects: ['Do the thing', 'first'],
    note: null,
  },
  {
    what: 'back on base at the end, with the work on the branch and a file left',
    script: 'echo a > a; git add .; git commit -qm first; git checkout -q --detach origin/main; echo b > b',
    branch: 'work',
    subjects: ['Do the thing', 'first'],
    note: null,
  },
  {
    what: 'a merge that lacks its commit only',
    script:
      'git checkout -qb side; echo s > s; git add .; git commit -qm s; git checkout -q work; echo w > w; git add .; git commit -qm w; git merge -q --no-commit side',
    branch: 'work',
    subjects: ['Do the thing', 's', 'w'],
    note: null,
  },
]

const subjectsOf = async (remote: string, branch: string) =>
  (await git(remote, 'log', '--format=%s', '--topo-order', branch, '^main')).split('\n').filter(Boolean)

describe('rewritten history replaces nothing but our own', () => {
  test.each(ROWS)('$what', async row => {
    const index = ROWS.findIndex(({ what }) => what === row.what)
    const remote = await bench.createRemote(`rewritten-${index}`, row.before)
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    for (const script of row.earlier ?? []) {
      if (script === 'THEIRS') await theirCommit(remote)
      else await run.syncAndDeliver(script)
    }
    await row.meanwhile?.(remote)
    const checkout = await syncCheckout(run.sync)
    const main = await git(remote, 'rev-parse', 'main')
    await run.agent(row.script)
    await row.during?.(remote, run)
    const delivery = await deliver(run.delivery(checkout))
    expect(delivery).toMatchObject({ branch: row.branch, pushed: true, changed: true, skipped: [] })
    expect(delivery.commit).toBe(await git(remote, 'rev-parse', row.branch))
    expect((await subjectsOf(remote, row.branch)).toSorted()).toEqual(row.subjects.toSorted())
    if (row.note) expect(delivery.note).toMatch(row.note)
    else expect(delivery.note).toBeNull()
    if (row.kept) expect(await subjectsOf(remote, 'work')).toEqual(row.kept)
    expect(await git(remote, 'rev-parse', 'main')).toBe(main)
  })
})
