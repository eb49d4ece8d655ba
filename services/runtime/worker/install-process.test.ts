import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { deliver } from '../git/deliver.ts'
import { type SyncedCheckout, syncCheckout } from '../git/sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from '../git/test-bench.ts'
import { installKey, startInstallCommand } from './install-process.ts'

setDefaultTimeout(60_000)

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

/** Appends to a log outside of the checkout each time it runs. */
const LOGGED = 'pwd >> ~/log; mkdir -p ignored; touch ignored/module'

/** A remote with files, and a run on it whose root directory is `web`. */
async function setUp(name: string, rootDirectory: string | null = 'web') {
  const remote = await bench.createRemote(name)
  const clone = await mkdtemp(join(bench.root, 'clone-'))
  await git(bench.root, 'clone', '--quiet', remote, clone)
  const push = async (path: string, text: string) => {
    await Bun.write(join(clone, path), text)
    await git(clone, 'add', '.')
    await git(clone, 'commit', '--quiet', '-m', path)
    await git(clone, 'push', '--quiet', 'origin', 'main', 'main:work')
  }
  await push('web/package.json', '{}')
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  let checkout: SyncedCheckout | null = null
  const sync = async (command = LOGGED) => {
    const install = { key: installKey({ command, rootDirectory }), rootDirectory }
    checkout = await syncCheckout({ ...run.sync, install })
    return checkout.isInstalled
  }
  /** What the agent has made, to the remote. */
  const send = async () => checkout && (await deliver(run.delivery(checkout)))
  const start = (command = LOGGED) =>
    startInstallCommand(
      { command, rootDirectory },
      { ...run.sync, env: { FROM: 'repo' }, author: { name: 'A', email: 'a@example.com' } },
    )
  const install = async (command = LOGGED) => {
    const child = await start(command)
    const [, , { exitCode }] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return exitCode
  }
  return { run, push, sync, send, start, install, log: () => run.agent('cat ~/log') }
}

test.each([
  ['its root directory', 'web', '/workspace/web'],
  ['the top', null, '/workspace'],
])('it runs in %s, once per checkout', async (_, rootDirectory, place) => {
  const { sync, install, log, run } = await setUp(`once-${rootDirectory}`, rootDirectory)
  expect(await sync()).toBe(false)
  expect(await install()).toBe(0)
  expect(await log()).toBe(place)
  expect(await sync()).toBe(true)
  await run.syncAndDeliver('echo x > x.txt')
  expect(await sync()).toBe(true)
  expect(await run.agent('git status --porcelain')).toBe('')
})

test.each(['web/package.json', 'web/package-lock.json', 'web/requirements-dev.txt', 'bun.lock', 'uv.lock'])(
  'it runs again when %s has changed, and not for another file',
  async path => {
    const { sync, install, push } = await setUp(`changed-${path.replaceAll('/', '-')}`)
    await sync()
    await install()
    await push('web/other.json', 'x')
    expect(await sync()).toBe(true)
    await push(path, '{"changed":true}')
    expect(await sync()).toBe(false)
    await install()
    expect(await sync()).toBe(true)
  },
)

test('another command has not been run', async () => {
  const { sync, install } = await setUp('command')
  await sync()
  await install()
  expect(await sync('true')).toBe(false)
  expect(await sync()).toBe(true)
})

test('a lock file that the command writes anew does not make it run each time', async () => {
  const { sync, send, install, run } = await setUp('rewritten')
  const command = 'date +%N >> yarn.lock'
  await sync(command)
  await install(command)
  await run.agent('git add .; git commit -qm lock')
  await send()
  expect(await sync(command)).toBe(true)
  await run.agent('git rm -q web/yarn.lock; git commit -qm unlock')
  await send()
  expect(await sync(command)).toBe(true)
})

test.each([
  ['one that fails', 'exit 3', 3],
  ['one whose syntax is wrong', '(', 2],
])('%s leaves nothing stuck: the next run tries again', async (name, command, exitCode) => {
  const { sync, install } = await setUp(name.replaceAll(' ', '-'))
  await sync()
  await install()
  expect(await install(command)).toBe(exitCode)
  expect(await sync(command)).toBe(false)
  expect(await sync()).toBe(false)
  expect(await install()).toBe(0)
  expect(await sync()).toBe(true)
})

test('one that is ended before its time runs again', async () => {
  const { sync, start, install, run } = await setUp('ended')
  await sync()
  await install()
  const child = await start('touch ~/begun; sleep 1000')
  await run.agent('while [ ! -e ~/begun ]; do sleep 0.05; done')
  await child.stop(0)
  await Promise.all([child.stdout.cancel(), child.stderr.cancel(), child.exited])
  expect(await sync()).toBe(false)
})

test('without its root directory the command does not run, and with it it does', async () => {
  const { sync, install, push, log } = await setUp('rootless', 'later/on')
  await sync()
  expect(await install()).toBe(126)
  await push('later/on/x', 'x')
  expect(await sync()).toBe(false)
  expect(await install()).toBe(0)
  expect(await log()).toBe('/workspace/later/on')
})

test('what an agent makes of the marker does not stop the next run', async () => {
  const { sync, install, run } = await setUp('tampered')
  await sync()
  await install()
  for (const script of [
    'rm installed; mkfifo installed',
    'rm installed; mkdir -p installed/x',
    'rm -r ../mogplex',
  ]) {
    await run.agent(`cd .git/mogplex; ${script}`)
    expect(await sync()).toBe(false)
    expect(await install()).toBe(0)
    expect(await sync()).toBe(true)
  }
})
