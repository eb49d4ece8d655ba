/** What a run says of a delivery that was not the ordinary one: in its detail and in the event beside it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, git, makeRepository, type Repository } from './repositories.ts'
import { readEvents, script, startRun, waitForEnd, waitForRun } from './runs.ts'
import { sandboxFiles } from './stages.ts'

setDefaultTimeout(120_000)

let system: System
let account: Account
beforeAll(async () => {
  system = await startSystem({
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  account = await signUpWithToken(system)
})
afterAll(() => system.stop())

async function deliver(repository: Repository, fields: { prompt: string } & Record<string, unknown>) {
  const { runId } = await startRun(system, account, { repoId: repository.repoId, ...fields })
  const run = await waitForEnd(system, account, runId)
  const events = await readEvents(system, account, runId)
  const event = events.find(({ payload }) => payload.stage === 'git_delivery')
  return { run, event }
}

test('what was left out is named in the run and in the event', async () => {
  const repository = await makeRepository(system, account)
  const prompt = script('run git init -q app; echo a > app/a; mkfifo pipe', 'write b.txt b')
  const { run, event } = await deliver(repository, { prompt })
  const skipped = [
    {
      path: 'app/.git',
      reason: 'the history of a repository inside the repository; its files are delivered',
    },
    { path: 'pipe', reason: 'neither a file, a directory nor a link' },
  ]
  const branch = run.branch.working
  expect(run).toMatchObject({ status: 'success', delivery: { branch, pushed: true, changedFiles: 2 } })
  const inOrder = (run.delivery?.skipped ?? []).toSorted((one, other) => one.path.localeCompare(other.path))
  expect(inOrder).toEqual(skipped)
  expect(event?.message).toMatch(new RegExp(`^Pushed ${branch}; left out: (app/.git, pipe|pipe, app/.git)$`))
  expect(event?.payload).toMatchObject({ level: 'warning', skipped: run.delivery?.skipped })
  expect(repository.read(branch, 'app/a')).toBe('a\n')
})

test('an ordinary delivery leaves nothing out and says so', async () => {
  const repository = await makeRepository(system, account)
  const { run, event } = await deliver(repository, { prompt: script('write b.txt b') })
  expect(run.delivery).toMatchObject({ changed: true, skipped: [] })
  expect(event).toMatchObject({ message: `Pushed ${run.branch.working}`, payload: { level: 'info' } })
  expect(event?.payload).not.toHaveProperty('skipped')
  expect(event?.payload).not.toHaveProperty('reason')
})

test('a contradiction with what somebody has pushed goes to a branch of its own, with the reason', async () => {
  const repository = await makeRepository(system, account)
  const { runId } = await startRun(system, account, {
    repoId: repository.repoId,
    workingBranch: 'topic',
    prompt: script('write README.md ours', 'run while [ ! -e ~/go ]; do sleep 0.1; done'),
  })
  await waitUntil(() => repository.branches().topic !== undefined, { limitMs: 30_000 })
  const clone = join(GIT_ROOT, `theirs-${crypto.randomUUID()}`)
  git(GIT_ROOT, 'clone', '-q', '-b', 'topic', repository.path, clone)
  await Bun.write(join(clone, 'README.md'), 'theirs\n')
  git(clone, 'commit', '-q', '-am', 'theirs')
  git(clone, 'push', '-q', 'origin', 'topic')
  const theirs = repository.branches().topic
  const { sandboxId } = await waitForRun(system, account, runId, ({ status }) => status === 'streaming')
  writeFileSync(join(sandboxFiles(system, sandboxId ?? ''), 'home/go'), '')
  const run = await waitForEnd(system, account, runId)
  const branch = run.delivery?.branch ?? ''
  expect(branch).toMatch(/^mogplex\/agent-[0-9a-f]{12}$/)
  expect(run).toMatchObject({
    status: 'success',
    delivery: { pushed: true, commit: repository.branches()[branch] },
  })
  expect(repository.branches().topic).toBe(theirs)
  const event = (await readEvents(system, account, runId)).find(
    ({ payload }) => payload.stage === 'git_delivery',
  )
  expect(event?.message).toBe(
    `Not pushed to topic but to ${branch}: the branch has moved on the remote, and the changes there and here contradict each other`,
  )
  expect(event?.payload).toMatchObject({ level: 'warning', working_branch: branch, reason: event?.message })
})

test('what an install command leaves is not the work of a run', async () => {
  const repository = await makeRepository(system, account, {
    install_command: 'echo lock > package-lock.json; echo built >> README.md',
  })
  const nothing = await deliver(repository, { prompt: script('say done') })
  expect(nothing.run).toMatchObject({ status: 'success', delivery: { changed: false, pushed: false } })
  const some = await deliver(repository, { prompt: script('write b.txt b') })
  expect(some.run).toMatchObject({ delivery: { changed: true, changedFiles: 1 } })
  expect(repository.read(some.run.branch.working, 'package-lock.json')).toBeNull()
})
