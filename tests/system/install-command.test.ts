/** The install command of a repository as runs on the whole product meet it (runtime spec 2, item 2; issue 8, B). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, git, importRepository, makeRemote } from './repositories.ts'
import { cancelRun, readEvents, script, startRun, waitForEnd, waitForEvent } from './runs.ts'

setDefaultTimeout(180_000)

const RUN_LIMIT_MS = 60_000
const RUNNING = 'Running the install command'

let system: System
let account: Account
beforeAll(async () => {
  system = await startSystem({
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  account = await signUpWithToken(system)
})
afterAll(() => system.stop())

/** A repository with a package in `web`, where its runs work. */
async function repositoryWith(installCommand: string) {
  const remote = makeRemote()
  const clone = join(GIT_ROOT, `clone-${crypto.randomUUID()}`)
  git(GIT_ROOT, 'clone', '-q', remote.path, clone)
  mkdirSync(join(clone, 'web'))
  writeFileSync(join(clone, 'web/package.json'), '{}\n')
  git(clone, 'add', '.')
  git(clone, 'commit', '-q', '-m', 'A package')
  git(clone, 'push', '-q', 'origin', 'main')
  const fields = { remote_url: remote.path, root_directory: 'web', install_command: installCommand }
  return { remote, repoId: await importRepository(system, account, fields) }
}

async function runToEnd(fields: { repoId: string } & Record<string, unknown>, ...lines: string[]) {
  const { runId } = await startRun(system, account, { ...fields, prompt: script(...lines) })
  const run = await waitForEnd(system, account, runId, RUN_LIMIT_MS)
  const messages = (await readEvents(system, account, runId)).map(({ message }) => message)
  return { run, messages }
}

test('it runs for the first run on a branch, and for a later one only when its inputs have changed', async () => {
  const { remote, repoId } = await repositoryWith('pwd >> ~/installed')
  const first = await runToEnd({ repoId }, 'run cp ~/installed first.txt')
  expect([first.run.status, first.messages.includes(RUNNING)]).toEqual(['success', true])
  const workingBranch = first.run.branch.working
  expect(remote.read(workingBranch, 'web/first.txt')).toBe('/workspace/web\n')
  const again = { repoId, workingBranch, createBranch: false }
  const second = await runToEnd(again, 'write package-lock.json {}')
  expect([second.run.status, second.messages.includes(RUNNING)]).toEqual(['success', false])
  const third = await runToEnd(again, 'run cp ~/installed third.txt')
  expect([third.run.status, third.messages.includes(RUNNING)]).toEqual(['success', true])
  expect(remote.read(workingBranch, 'web/third.txt')).toBe('/workspace/web\n/workspace/web\n')
})

test('one that fails is a warning, and runs again; nothing but the work of the agent is delivered', async () => {
  const { remote, repoId } = await repositoryWith('exit 7')
  const first = await runToEnd({ repoId }, 'write a.txt a')
  const again = { repoId, workingBranch: first.run.branch.working, createBranch: false }
  const second = await runToEnd(
    again,
    'run git add -A',
    'run git status --porcelain > ~/status',
    'write b.txt b',
  )
  for (const { run, messages } of [first, second]) {
    expect(run).toMatchObject({ status: 'success', delivery: { pushed: true } })
    expect(messages).toContain('The install command ended with exit code 7')
  }
  const changed = git(remote.path, 'diff', '--name-only', 'main', again.workingBranch)
  expect(changed.split('\n')).toEqual(['web/a.txt', 'web/b.txt'])
})

test('a run that is cancelled while it runs leaves the branch usable, and the next one runs it again', async () => {
  const { repoId } = await repositoryWith('[ -e ~/slow ] || { touch ~/slow; sleep 100; }')
  const { runId, branch } = await startRun(system, account, { repoId, prompt: script('say never') })
  await waitForEvent(system, account, runId, ({ message }) => message === RUNNING, RUN_LIMIT_MS)
  await Bun.sleep(1_000)
  await cancelRun(system, account, runId)
  expect((await waitForEnd(system, account, runId, RUN_LIMIT_MS)).status).toBe('cancelled')
  const again = { repoId, workingBranch: branch.working, createBranch: false }
  const next = await runToEnd(again, 'write x.txt x')
  expect([next.run.status, next.messages.includes(RUNNING)]).toEqual(['success', true])
})
