/** Whose commits they are that a run leaves on the remote: those of the agent, of the install command, and ours. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type Account, call, OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { git, makeRepository } from './repositories.ts'
import { script, startRun, waitForEnd } from './runs.ts'
import { STAGE_SETTINGS } from './stages.ts'

setDefaultTimeout(180_000)

let system: System
let account: Account
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
  account = await signUpWithToken(system)
})
afterAll(() => system.stop())

const settings = (json: Record<string, unknown>) =>
  call(system, 'PATCH', '/api/settings', { as: { token: account.token }, json })

/** Subject and author of what a run put on top of the first commit, oldest first. */
async function commitsOf(directives: string[], install = 'git commit -q --allow-empty -m installed') {
  const repository = await makeRepository(system, account, { install_command: install })
  const { runId } = await startRun(system, account, {
    repoId: repository.repoId,
    prompt: script(...directives),
  })
  const run = await waitForEnd(system, account, runId)
  expect(run).toMatchObject({ status: 'success', error: null })
  const range = `main..${run.delivery?.branch}`
  return git(repository.path, 'log', '--reverse', '--format=%s: %an <%ae>, %cn <%ce>', range).split('\n')
}

test('all commits are by whom the settings name', async () => {
  await settings({ commit_name: 'Ada L.', commit_email: '1+ada@users.noreply.example.test' })
  const commits = await commitsOf([
    'run git commit -q --allow-empty -m mine',
    'write left.txt over',
    'say done',
  ])
  // Git itself drops the full stop.
  const ada = 'Ada L <1+ada@users.noreply.example.test>'
  expect(commits.map(line => line.replace(/^run git.*?: /, 'left: '))).toEqual(
    ['installed', 'mine', 'left'].map(subject => `${subject}: ${ada}, ${ada}`),
  )
})

test('what a repository or the agent sets for itself goes before that', async () => {
  await settings({ commit_name: null, commit_email: null })
  const commits = await commitsOf(
    [
      'run git commit -q --allow-empty -m by-settings',
      "run git commit -q --allow-empty -m by-argument --author 'Bot <bot@example.test>'",
    ],
    'git config user.name Robot',
  )
  const by = (name: string) => `${name} <${account.email}>`
  expect(commits).toEqual([
    `by-settings: ${by('Robot')}, ${by('Robot')}`,
    `by-argument: Bot <bot@example.test>, ${by('Robot')}`,
  ])
})
