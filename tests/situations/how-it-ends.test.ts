/**
 * However a run ends: what the agent made is on the remote or named, what somebody else pushed stays, the run says
 * what became of it, and the next plain run on the branch works.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { makePerson, type Person } from './person.ts'
import { type Bench, type EndedRun, makeSituation, openBench, type Situation } from './situation.ts'

setDefaultTimeout(120_000)

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

const COMMIT = 'git -c user.name=Agent -c user.email=agent@example.com commit -q'
const OTHER_BRANCH = /^mogplex\/agent-[0-9a-f]{12}$/

interface Ending {
  name: string
  /** Directives of the run; what stands behind `say ready` is done after `meanwhile`. */
  script: string[]
  /** What a person does while the agent works. Gives a commit that must stay in the branch. */
  meanwhile?: (person: Person, branch: string) => string | null
  /** Default: success. */
  status?: 'success' | 'failed' | 'cancelled'
  /** Where the work goes; null: nothing is pushed. Default: the branch. */
  to?: 'branch' | 'other branch' | null
  /** Files on that branch afterwards. */
  has?: string[]
  hasNot?: string[]
  /** Paths in `delivery.skipped`. */
  skipped?: string[]
}

const READY = ['say ready', 'sleep 2500']

const ENDINGS: Ending[] = [
  { name: 'the agent does nothing', script: ['say nothing'], to: null },
  { name: 'the agent only reads', script: ['run git status; git log; cat README.md'], to: null },
  { name: 'the agent touches a file', script: ['run touch README.md'], to: null },
  {
    name: 'the agent makes an ignored file',
    script: ['run mkdir -p .git/info; echo x.log > .git/info/exclude; echo 1 > x.log'],
    to: null,
  },
  { name: 'the agent leaves files', script: ['write mine.txt mine'], has: ['mine.txt'] },
  {
    name: 'the agent commits itself',
    script: ['write mine.txt mine', `run git add -A && ${COMMIT} -m mine`],
    has: ['mine.txt'],
  },
  {
    name: 'the agent commits with git add -A and leaves more',
    script: ['write mine.txt mine', `run git add -A && ${COMMIT} -m mine`, 'write more.txt more'],
    has: ['mine.txt', 'more.txt'],
  },
  { name: 'the agent deletes a file', script: ['run git rm -q delivered.txt'], hasNot: ['delivered.txt'] },
  {
    name: 'the agent amends what was pushed before',
    script: ['write mine.txt mine', `run git add -A && ${COMMIT} --amend -m amended`],
    has: ['delivered.txt', 'mine.txt'],
  },
  {
    name: 'the agent resets to main and does it again',
    script: ['run git reset -q --hard origin/main', 'write mine.txt mine'],
    has: ['mine.txt'],
    hasNot: ['delivered.txt'],
  },
  {
    name: 'the agent rewrites what a person has built on meanwhile',
    script: [...READY, 'write mine.txt mine', `run git add -A && ${COMMIT} --amend -m amended`],
    meanwhile: (person, branch) => person.push(branch, { 'person.txt': 'by a person\n' }),
    to: 'other branch',
    has: ['mine.txt'],
  },
  {
    name: 'a person pushes meanwhile',
    script: [...READY, 'write mine.txt mine'],
    meanwhile: (person, branch) => person.push(branch, { 'person.txt': 'by a person\n' }),
    has: ['mine.txt', 'person.txt'],
  },
  {
    name: 'a person pushes meanwhile, the agent has commits',
    script: [...READY, 'write mine.txt mine', `run git add -A && ${COMMIT} -m mine`, 'write more.txt more'],
    meanwhile: (person, branch) => person.push(branch, { 'person.txt': 'by a person\n' }),
    has: ['mine.txt', 'more.txt', 'person.txt'],
  },
  {
    name: 'a person changes the same lines meanwhile',
    script: [...READY, 'write delivered.txt mine'],
    meanwhile: (person, branch) => person.push(branch, { 'delivered.txt': 'by a person\n' }),
    to: 'other branch',
    has: ['delivered.txt'],
  },
  {
    name: 'a person deletes the branch meanwhile',
    script: [...READY, 'write mine.txt mine'],
    meanwhile: (person, branch) => {
      person.deleteBranch(branch)
      return null
    },
    has: ['mine.txt'],
  },
  {
    name: 'the agent works on a branch of its own',
    script: ['run git checkout -q -b feature', 'write mine.txt mine', `run git add -A && ${COMMIT} -m mine`],
    has: ['mine.txt'],
  },
  {
    name: 'the agent renames the branch',
    script: ['run git branch -m feature', 'write mine.txt mine'],
    has: ['mine.txt'],
  },
  {
    name: 'the agent works on no branch',
    script: ['run git checkout -q --detach', 'write mine.txt mine', `run git add -A && ${COMMIT} -m mine`],
    has: ['mine.txt'],
  },
  {
    name: 'the agent makes a repository inside',
    script: ['run git init -q app && echo inner > app/inner.txt'],
    has: ['app/inner.txt'],
    skipped: ['app/.git'],
  },
  {
    name: 'the agent makes a repository inside and commits in it',
    script: [
      `run git init -q app && echo inner > app/inner.txt && cd app && git add -A && ${COMMIT} -m inner`,
    ],
    has: ['app/inner.txt'],
    skipped: ['app/.git'],
  },
  {
    name: 'the agent commits a repository inside as it is',
    script: [
      `run git init -q app && echo inner > app/inner.txt && cd app && git add -A && ${COMMIT} -m inner && cd .. && git add -A && ${COMMIT} -m outer`,
    ],
    has: ['app/inner.txt'],
    skipped: ['app/.git'],
  },
  {
    name: 'the agent makes a linked work tree',
    script: ['run git worktree add -q linked HEAD', 'write mine.txt mine'],
    has: ['mine.txt'],
    hasNot: ['linked', 'linked/README.md'],
    skipped: ['linked'],
  },
  {
    name: 'the agent makes a FIFO',
    script: ['run mkfifo pipe', 'write mine.txt mine'],
    has: ['mine.txt'],
    skipped: ['pipe'],
  },
  {
    name: 'the agent closes a file to itself',
    script: ['run echo secret > closed.txt; chmod 000 closed.txt', 'write mine.txt mine'],
    has: ['mine.txt'],
    skipped: ['closed.txt'],
  },
  { name: 'the agent fails', script: ['write mine.txt mine', 'fail no more'], status: 'failed', to: null },
  {
    name: 'the run is cancelled',
    script: ['write mine.txt mine', 'say ready', 'sleep 60000'],
    status: 'cancelled',
    to: null,
  },
  {
    name: 'the agent leaves a conflict unresolved',
    script: [
      'run git checkout -q -b side',
      'write README.md theirs',
      `run ${COMMIT} -a -m theirs; git checkout -q -`,
      'write README.md ours',
      `run ${COMMIT} -a -m ours; git merge -q side; true`,
    ],
    has: ['README.md'],
    skipped: ['README.md'],
  },
]

test.each(ENDINGS)('$name', async ending => {
  const situation = await makeSituation(bench)
  const { branch, remote } = situation
  await situation.run({ script: ['write delivered.txt delivered'], ends: 'success' })
  const person = makePerson(remote)
  const branchesBefore = remote.branches()
  let kept: string | null = null
  const ended = await situation.run({
    script: ending.script,
    ends: ending.status ?? 'success',
    ...(ending.meanwhile ? { whenReady: () => (kept = ending.meanwhile?.(person, branch) ?? null) } : {}),
  })
  expectDelivered(situation, ending, ended, branchesBefore)
  if (kept) expect(situation.isIn(branch, kept)).toBe(true)
  expect(remote.branches().main).toBe(branchesBefore.main ?? '')

  const next = await situation.run({ script: ['write next.txt next'] })
  expect(next.run).toMatchObject({ status: 'success', delivery: { branch, pushed: true, changed: true } })
  expect(situation.filesOn(branch)).toContain('next.txt')
  if (kept) expect(situation.isIn(branch, kept)).toBe(true)
})

function expectDelivered(
  situation: Situation,
  { to = 'branch', has = [], hasNot = [], skipped = [] }: Ending,
  { run, events }: EndedRun,
  before: Record<string, string>,
): void {
  const told = events.find(({ payload }) => payload.stage === 'git_delivery')
  if (to === null) {
    expect(situation.remote.branches()).toEqual(before)
    expect(run.delivery?.changed ?? false).toBe(false)
    return
  }
  const branch = run.delivery?.branch ?? ''
  if (to === 'branch') expect(branch).toBe(situation.branch)
  else expect(branch).toMatch(OTHER_BRANCH)
  expect(run.delivery).toMatchObject({ pushed: true, changed: true })
  expect(told?.payload).toMatchObject({ working_branch: branch, changed: true })
  const files = situation.filesOn(branch)
  expect(files).toEqual(expect.arrayContaining(has))
  for (const file of hasNot) expect(files).not.toContain(file)
  expect(situation.gitlinksOn(branch)).toEqual([])
  expect((run.delivery?.skipped ?? []).map(({ path }) => path).sort()).toEqual([...skipped].sort())
  if (skipped.length > 0) expect(JSON.stringify(told?.payload)).toContain(skipped[0] ?? '')
}
