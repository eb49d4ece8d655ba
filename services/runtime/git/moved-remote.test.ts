import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { deliver } from './deliver.ts'
import { deliveryFailure } from './failure.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, type Run, sourceOf } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

const NEW_BRANCH = 'mogplex/agent-0123456789ab'
const TWO_COMMITS = 'for i in 1 2; do echo $i > $i; git add .; git commit -qm "c $i"; done; echo left > left'

interface Row {
  what: string
  script: string
  during: (remote: string, run: Run) => Promise<unknown>
  branch: string
  /** Newest first. */
  subjects: string[]
  note: RegExp
  changed?: false
  /** What `work` has where that is not the branch. */
  kept?: string[]
}

const theirs = (remote: string, file = 'theirs') => bench.commitToRemote(remote, 'work', file)

const ROWS: Row[] = [
  {
    what: 'one commit and what is left go on top',
    script: TWO_COMMITS,
    during: remote => theirs(remote),
    branch: 'work',
    subjects: ['Do the thing', 'c 2', 'c 1', 'add theirs'],
    note: /had moved on the remote: the commits were put on top/,
  },
  {
    what: 'a merge of the agent goes on top',
    script:
      'git checkout -qb side; echo s > s; git add .; git commit -qm s; git checkout -q work; echo w > w; git add .; git commit -qm w; git merge -q --no-edit side',
    during: remote => theirs(remote),
    branch: 'work',
    subjects: ["Merge branch 'side' into work", 'add theirs', 's', 'w'],
    note: /put on top/,
  },
  {
    what: 'contradicting changes go to a new branch',
    script: 'echo ours > theirs',
    during: remote => theirs(remote),
    branch: NEW_BRANCH,
    subjects: ['Do the thing'],
    note: /^Not pushed to work but to mogplex\/agent-0123456789ab: .*contradict each other$/,
    kept: ['add theirs'],
  },
  {
    what: 'where that name is taken, to another one',
    script: 'echo ours > theirs',
    during: async remote => {
      await theirs(remote)
      await git(remote, 'branch', NEW_BRANCH, 'main')
    },
    branch: 'mogplex-agent-0123456789ab',
    subjects: ['Do the thing'],
    note: /contradict/,
    kept: ['add theirs'],
  },
  {
    what: 'where the remote has a branch mogplex, to a name beside it',
    script: 'echo ours > theirs',
    during: async remote => {
      await theirs(remote)
      await git(remote, 'branch', 'mogplex', 'main')
    },
    branch: 'mogplex-agent-0123456789ab',
    subjects: ['Do the thing'],
    note: /contradict/,
    kept: ['add theirs'],
  },
  {
    what: 'the branch was forced elsewhere: on top of where it is now',
    script: 'echo ours > ours',
    during: async remote => {
      await theirs(remote)
      const commit = await git(remote, 'commit-tree', '-m', 'forced', '-p', 'main', 'main^{tree}')
      await git(remote, 'update-ref', 'refs/heads/work', commit)
    },
    branch: 'work',
    subjects: ['Do the thing', 'forced'],
    note: /put on top/,
  },
  {
    what: 'the branch gave way to one below its name: to a new branch',
    script: 'echo ours > ours',
    during: async remote => {
      await git(remote, 'update-ref', '-d', 'refs/heads/work')
      await git(remote, 'branch', 'work/1', 'main')
    },
    branch: NEW_BRANCH,
    subjects: ['Do the thing'],
    note: /another branch whose name is in the way/,
  },
  {
    what: 'somebody has done the same: nothing is left to push',
    script: 'echo theirs > theirs',
    during: remote => theirs(remote),
    branch: 'work',
    subjects: ['add theirs'],
    note: /put on top/,
    changed: false,
  },
  {
    what: "files that lie about in the checkout are in nobody's way",
    script:
      'mkfifo pipe; echo ours > ours; git add ours; git commit -qm ours; echo dirty > ignored; echo own > own',
    during: remote => theirs(remote, 'pipe'),
    branch: 'work',
    subjects: ['Do the thing', 'ours', 'add pipe'],
    note: /put on top/,
  },
]

const subjectsOf = async (remote: string, branch: string) =>
  (await git(remote, 'log', '--format=%s', '--topo-order', branch, '^main')).split('\n').filter(Boolean)

describe('a branch that has moved on the remote meanwhile', () => {
  test.each(ROWS)('$what', async row => {
    const remote = await bench.createRemote(`moved-${ROWS.findIndex(({ what }) => what === row.what)}`)
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    const checkout = await syncCheckout(run.sync)
    const main = await git(remote, 'rev-parse', 'main')
    await run.agent(row.script)
    await row.during(remote, run)
    const delivery = await deliver(run.delivery(checkout))
    const isChanged = row.changed !== false
    expect(delivery).toMatchObject({ branch: row.branch, pushed: isChanged, changed: isChanged })
    expect(delivery.note).toMatch(row.note)
    expect(delivery.commit).toBe(await git(remote, 'rev-parse', row.branch))
    expect((await subjectsOf(remote, row.branch)).toSorted()).toEqual(row.subjects.toSorted())
    if (row.kept) expect(await subjectsOf(remote, 'work')).toEqual(row.kept)
    expect(await git(remote, 'rev-parse', 'main')).toBe(main)
  })

  test('it moves once more before each push: three tries, then a new branch', async () => {
    const remote = await bench.createRemote('restless')
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    const checkout = await syncCheckout(run.sync)
    await run.agent('echo ours > ours')
    let pushes = 0
    const confirm = async () => {
      pushes += 1
      if (pushes <= 4) await theirs(remote, `theirs-${pushes}`)
      return true
    }
    const delivery = await deliver(run.delivery(checkout, { confirm }))
    expect(delivery).toMatchObject({ branch: NEW_BRANCH, pushed: true })
    expect(delivery.note).toMatch(/again and again/)
    expect(pushes).toBe(5)
    expect(await subjectsOf(remote, 'work')).toHaveLength(4)
    expect(await subjectsOf(remote, NEW_BRANCH)).toEqual(['Do the thing'])
  })

  test('the next run stands on what was put on top, with nothing of its own', async () => {
    const remote = await bench.createRemote('next')
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    const checkout = await syncCheckout(run.sync)
    await run.agent(TWO_COMMITS)
    await theirs(remote)
    const { commit } = await deliver(run.delivery(checkout))
    expect(await run.syncAndDeliver('true')).toMatchObject({ changed: false, commit })
    expect(await run.agent('git status --porcelain; ls')).toBe('1\n2\nleft\nreadme.md\ntheirs')
  })

  test('what a sandbox claims to have put on top is looked at on the host', async () => {
    const remote = await bench.createRemote('liar')
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    const checkout = await syncCheckout(run.sync)
    await run.agent('echo ours > ours; git add .; git commit -qm ours')
    const tip = await theirs(remote)
    // The rebase, which sees the mirror, hands out what is not on top of the remote's tip.
    const provider: typeof bench.provider = {
      ...bench.provider,
      start: (id, command) => {
        const lie = `git rev-parse HEAD; git rev-parse HEAD | git pack-objects --quiet --revs --stdout`
        const isRebase = command.mounts !== undefined
        return bench.provider.start(id, isRebase ? { ...command, argv: ['sh', '-c', lie] } : command)
      },
    }
    const delivery = await deliver(run.delivery(checkout, { provider }))
    expect(delivery).toMatchObject({ branch: NEW_BRANCH })
    expect(await git(remote, 'rev-parse', 'work')).toBe(tip)
  })

  test('a control directory that comes with the new commits fails the delivery', async () => {
    const remote = await bench.createRemote('control')
    const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
    const checkout = await syncCheckout(run.sync)
    await run.agent('echo ours > ours; git add .; git commit -qm ours')
    const tip = await theirs(remote)
    const evil = `mkdir -p .mogplex; echo x > .mogplex/x; git fetch -q --upload-pack='git -c safe.directory=* upload-pack' "$MIRROR" "$ONTO";
      git read-tree "$ONTO"; git add -f .mogplex; export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x; commit=$(git commit-tree -p "$ONTO" -m evil $(git write-tree));
      echo $commit; printf '%s\\n^%s\\n' $commit $ONTO | git pack-objects --quiet --revs --stdout`
    const provider: typeof bench.provider = {
      ...bench.provider,
      start: (id, command) =>
        bench.provider.start(id, command.mounts ? { ...command, argv: ['sh', '-c', evil] } : command),
    }
    const failure = deliveryFailure('a commit touches the control directory .mogplex')
    await expect(deliver(run.delivery(checkout, { provider }))).rejects.toEqual(failure)
    expect(await git(remote, 'rev-parse', 'work')).toBe(tip)
  })
})
