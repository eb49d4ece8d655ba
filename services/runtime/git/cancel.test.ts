import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { constants, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { deliver } from './deliver.ts'
import { GitStopped } from './failure.ts'
import { mirrorPath } from './mirror.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'
import { processesWithEnvironment } from './test-observe.ts'

let bench: Bench
let server: HttpRemote
beforeAll(async () => {
  bench = await createBench()
  server = serveHttpRemote(bench.root, null)
})
afterAll(async () => {
  await server.stop()
  await bench.remove()
})

/** Answers nothing to the requests for `path` and aborts as soon as one is there. */
function stallAt(path: string, controller: AbortController): void {
  server.intercept = async request => {
    if (!new URL(request.url).pathname.endsWith(path)) return null
    controller.abort()
    return await new Promise<Response>(() => {})
  }
}

test.each([
  ['asking the remote', '/info/refs'],
  ['fetching', '/git-upload-pack'],
])('a cancel while %s ends every process of the sync', async (_, path) => {
  const name = `sync-${path.slice(1).replace('/', '-')}`
  const remote = await bench.createRemote(name)
  const controller = new AbortController()
  const run = await bench.createRun({
    source: sourceOf(`${server.origin}/${name}`),
    signal: controller.signal,
  })
  stallAt(path, controller)
  await expect(syncCheckout(run.sync)).rejects.toBeInstanceOf(GitStopped)
  expect(await processesWithEnvironment(bench.root)).toEqual([])
  expect(await git(remote, 'branch', '--list', 'work')).toBe('')
  server.intercept = async () => null
  const again = { ...run.sync, signal: new AbortController().signal }
  expect(await syncCheckout(again)).toMatchObject({ freshClone: true })
})

test('a cancel while pushing over http pushes nothing', async () => {
  const remote = await bench.createRemote('push-http', ['work'])
  const run = await bench.createRun({ source: sourceOf(`${server.origin}/push-http`) })
  const checkout = await syncCheckout(run.sync)
  await run.agent('echo x > x')
  const controller = new AbortController()
  stallAt('/git-receive-pack', controller)
  const delivery = deliver(run.delivery(checkout, { signal: controller.signal }))
  await expect(delivery).rejects.toBeInstanceOf(GitStopped)
  expect(await processesWithEnvironment(bench.root)).toEqual([])
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
  server.intercept = async () => null
  expect(await deliver(run.delivery(checkout))).toMatchObject({ pushed: true })
})

test('a cancel while a local remote is receiving pushes nothing and leaves no lock there', async () => {
  const remote = await bench.createRemote('push-local', ['work'])
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  const checkout = await syncCheckout(run.sync)
  await run.agent('echo x > x')
  // Whoever reads the refs waits for a writer.
  const fifo = join(remote, 'refs', 'tags', 'held')
  await Bun.$`mkfifo ${fifo}`
  const controller = new AbortController()
  const delivery = deliver(run.delivery(checkout, { signal: controller.signal })).catch(error => error)
  while (!(await hasReader(fifo))) await Bun.sleep(20)
  controller.abort()
  expect(await delivery).toBeInstanceOf(GitStopped)
  expect(await processesWithEnvironment(bench.root)).toEqual([])
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
  await rm(fifo)
  expect(await deliver(run.delivery(checkout))).toMatchObject({ pushed: true })
})

test('a push that gets done although it was called off is a delivery, over http and to a local path', async () => {
  for (const [name, url] of [
    ['arrives-http', `${server.origin}/arrives-http`],
    ['arrives-local', `file://${join(bench.root, 'arrives-local')}`],
  ] as const) {
    const remote = await bench.createRemote(name, ['work'])
    const run = await bench.createRun({ source: sourceOf(url) })
    const checkout = await syncCheckout(run.sync)
    await run.agent('echo x > x')
    const controller = new AbortController()
    // Right after the last look: git has just been started.
    const confirm = async () => {
      setTimeout(() => controller.abort(), 0)
      return true
    }
    const delivery = await deliver(run.delivery(checkout, { confirm, signal: controller.signal }))
    const commit = await git(remote, 'rev-parse', 'work')
    expect(delivery).toMatchObject({ branch: 'work', commit, pushed: true, changed: true, changedFiles: 1 })
    expect(controller.signal.aborted).toBe(true)
    expect(await processesWithEnvironment(bench.root)).toEqual([])
    // The next run does not push it as its own.
    expect(await run.syncAndDeliver('true')).toMatchObject({ commit, changed: false })
  }
})

test('a push whose answer never comes is looked for on the remote', async () => {
  const remote = await bench.createRemote('no-answer', ['work'])
  const run = await bench.createRun({ source: sourceOf(`${server.origin}/no-answer`) })
  const checkout = await syncCheckout(run.sync)
  await run.agent('echo x > x')
  const controller = new AbortController()
  const mirror = mirrorPath(bench.host, run.sync.repoId)
  let commit = ''
  server.intercept = async request => {
    if (!new URL(request.url).pathname.endsWith('/git-receive-pack')) return null
    // The server takes it, and its answer is lost.
    commit = /[0-9a-f]{40} ([0-9a-f]{40}) refs/.exec(await bodyText(request))?.[1] ?? ''
    await git(remote, '-c', 'safe.directory=*', 'fetch', '--quiet', mirror, `${commit}:refs/heads/work`)
    controller.abort()
    return await new Promise<Response>(() => {})
  }
  const delivery = await deliver(run.delivery(checkout, { signal: controller.signal }))
  server.intercept = async () => null
  expect(commit).toBe(await git(remote, 'rev-parse', 'work'))
  expect(delivery).toMatchObject({ commit, pushed: true })
  expect(await processesWithEnvironment(bench.root)).toEqual([])
  expect(await run.syncAndDeliver('true')).toMatchObject({ commit, changed: false })
})

test('a remote that does not say what has become of a push: that is said', async () => {
  await bench.createRemote('silent', ['work'])
  const run = await bench.createRun({ source: sourceOf(`${server.origin}/silent`) })
  const checkout = await syncCheckout(run.sync)
  await run.agent('echo x > x')
  const controller = new AbortController()
  server.intercept = async request => {
    const isPush = new URL(request.url).pathname.endsWith('/git-receive-pack')
    if (isPush) controller.abort()
    return isPush || controller.signal.aborted ? await new Promise<Response>(() => {}) : null
  }
  const startedAt = performance.now()
  const failure = await deliver(run.delivery(checkout, { signal: controller.signal })).catch(error => error)
  server.intercept = async () => null
  expect(failure).toBeInstanceOf(GitStopped)
  expect(failure.mayHaveArrived).toEqual({ branch: 'work', commit: expect.stringMatching(/^[0-9a-f]{40}$/) })
  expect(performance.now() - startedAt).toBeLessThan(30_000)
  expect(await processesWithEnvironment(bench.root)).toEqual([])
})

/** Of a push, which git compresses when it is small. */
async function bodyText(request: Request): Promise<string> {
  const bytes = new Uint8Array(await request.arrayBuffer())
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
  return Buffer.from(isGzip ? Bun.gunzipSync(bytes) : bytes).toString('latin1')
}

async function hasReader(fifo: string): Promise<boolean> {
  const file = await open(fifo, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => null)
  await file?.close()
  return file !== null
}

test('a cancel while the sandbox commits stops there', async () => {
  const remote = await bench.createRemote('collect', ['work'])
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`) })
  const checkout = await syncCheckout(run.sync)
  const filter = "git config filter.slow.clean 'touch /home/agent/arrived; sleep 60'"
  await run.agent(`${filter}; echo '* filter=slow' > .gitattributes`)
  const controller = new AbortController()
  const delivery = deliver(run.delivery(checkout, { signal: controller.signal })).catch(error => error)
  while (!existsSync(join(run.home, 'arrived'))) await Bun.sleep(20)
  controller.abort()
  expect(await delivery).toBeInstanceOf(GitStopped)
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
})

test('a run that was cancelled before it began does nothing', async () => {
  const remote = await bench.createRemote('before')
  const run = await bench.createRun({ source: sourceOf(`file://${remote}`), signal: AbortSignal.abort() })
  await expect(syncCheckout(run.sync)).rejects.toBeInstanceOf(GitStopped)
  expect(existsSync(join(run.workspace, '.git'))).toBe(false)
})
