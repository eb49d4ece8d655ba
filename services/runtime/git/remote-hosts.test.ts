import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { vetHost } from '@mogplex/kit/public-address.ts'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { deliver } from './deliver.ts'
import type { GitHost } from './host-git.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

import { recordingSsh } from './test-recording-ssh.ts'

const NOT_ALLOWED = 'hosts of private networks are not allowed here'

let bench: Bench
let server: HttpRemote
beforeAll(async () => {
  bench = await createBench()
  await bench.createRemote('demo.git')
  server = serveHttpRemote(bench.root, null)
})
beforeEach(() => {
  server.authorizations.length = 0
  server.intercept = async () => null
})
afterAll(async () => {
  await server.stop()
  await bench.remove()
})

const branchOfRemote = (name: string) => git(join(bench.root, 'demo.git'), 'branch', '--list', name)
const at = (host: string) => `http://${host}:${new URL(server.origin).port}/demo.git`
const strict = (vet?: GitHost['vet']): GitHost => ({
  ...bench.host,
  allowPrivateHosts: false,
  ...(vet ? { vet } : {}),
})
/** As if the name had these addresses. */
const resolvingTo = (...addresses: string[]) => strict(host => vetHost(host, async () => addresses))
/** As if the loopback address, where the tests' servers are, were public. */
const pinnedToLoopback = async () => ({ status: 'public' as const, addresses: ['127.0.0.1'] })

test('a host of the own network is fetched from nowhere but where that is allowed', async () => {
  const refused: [string, GitHost][] = [
    [at('127.0.0.1'), strict()],
    [at('localhost'), strict()],
    [at('innocent.example'), resolvingTo('127.0.0.1')],
    [at('innocent.example'), resolvingTo('1.1.1.1', '64:ff9b::7f00:1')],
    ['ssh://git@127.0.0.1/demo.git', strict()],
    ['git@innocent.example:demo.git', resolvingTo('10.0.0.7')],
  ]
  for (const [url, host] of refused) {
    const run = await bench.createRun({ source: sourceOf(url), host })
    await expect(syncCheckout(run.sync)).rejects.toMatchObject({
      code: 'git_sync_failed',
      message: `Git sync failed: ${NOT_ALLOWED}`,
    })
  }
  // The process may, and the user may not.
  const source = { ...sourceOf(at('127.0.0.1')), allowPrivateHosts: false }
  const run = await bench.createRun({ source })
  await expect(syncCheckout(run.sync)).rejects.toMatchObject({
    message: `Git sync failed: ${NOT_ALLOWED}`,
  })
  expect(server.authorizations).toEqual([])
  const allowed = await bench.createRun({ source: sourceOf(at('127.0.0.1')) })
  expect(await syncCheckout(allowed.sync)).toMatchObject({ freshClone: true })
})

test('a host without an address is named as such', async () => {
  const run = await bench.createRun({ source: sourceOf(at('nowhere.example')), host: resolvingTo() })
  await expect(syncCheckout(run.sync)).rejects.toMatchObject({
    code: 'git_sync_failed',
    message: 'Git sync failed: the host has no address',
  })
})

test('git connects to the vetted address for fetch and push, whatever the name means elsewhere', async () => {
  const source = sourceOf(at('pinned.invalid'))
  const unpinned = await bench.createRun({ source, workingBranch: 'unpinned' })
  await expect(syncCheckout(unpinned.sync)).rejects.toMatchObject({
    message: 'Git sync failed: the remote could not be reached',
  })
  const run = await bench.createRun({ source, workingBranch: 'pinned', host: strict(pinnedToLoopback) })
  expect(await run.syncAndDeliver('echo x > x')).toMatchObject({ pushed: true })
  expect(await branchOfRemote('pinned')).toContain('pinned')
})

test('a name that means the own network by the time of the push is refused then', async () => {
  const source = sourceOf(at('rebinding.invalid'))
  const host = strict(pinnedToLoopback)
  const run = await bench.createRun({ source, workingBranch: 'rebound', host })
  const checkout = await syncCheckout(run.sync)
  const before = await git(join(bench.root, 'demo.git'), 'rev-parse', 'rebound')
  await run.agent('echo x > x')
  server.authorizations.length = 0
  const later = { host: resolvingTo('127.0.0.1') }
  await expect(deliver(run.delivery(checkout, later))).rejects.toMatchObject({
    code: 'delivery_failed',
    message: `The agent finished, but delivery failed: ${NOT_ALLOWED}`,
  })
  expect(server.authorizations).toEqual([])
  expect(await git(join(bench.root, 'demo.git'), 'rev-parse', 'rebound')).toBe(before)
  expect(await deliver(run.delivery(checkout))).toMatchObject({ pushed: true })
})

test('a proxy, which would look the name up itself, is not used for a vetted host', async () => {
  const host = { ...strict(pinnedToLoopback), environment: { http_proxy: 'http://127.0.0.1:9' } }
  const run = await bench.createRun({ source: sourceOf(at('pinned.invalid')), host })
  expect(await syncCheckout(run.sync)).toMatchObject({ freshClone: true })
})

test.each(['/info/refs', '/git-upload-pack'])('a redirect of %s is not followed', async path => {
  const elsewhere = serveHttpRemote(bench.root, null)
  await bench.createRemote(`redirected${path.length}.git`)
  server.intercept = async request => {
    const url = new URL(request.url)
    if (!url.pathname.endsWith(path)) return null
    return Response.redirect(`${elsewhere.origin}${url.pathname}${url.search}`, 307)
  }
  const source = sourceOf(`${server.origin}/redirected${path.length}.git`)
  const run = await bench.createRun({ source })
  const failure = await syncCheckout(run.sync).catch(error => error)
  await elsewhere.stop()
  expect(failure).toMatchObject({
    code: 'git_sync_failed',
    message: 'Git sync failed: the remote redirects; the repository needs its final address (HTTP 307)',
  })
  expect(elsewhere.authorizations).toEqual([])
})

test('a redirect of a push is not followed', async () => {
  const elsewhere = serveHttpRemote(bench.root, null)
  const run = await bench.createRun({ source: sourceOf(at('127.0.0.1')), workingBranch: 'moved' })
  const checkout = await syncCheckout(run.sync)
  await run.agent('echo x > x')
  server.intercept = async request => {
    const url = new URL(request.url)
    if (!`${url.pathname}${url.search}`.includes('receive-pack')) return null
    return Response.redirect(`${elsewhere.origin}${url.pathname}${url.search}`, 307)
  }
  const failure = await deliver(run.delivery(checkout)).catch(error => error)
  await elsewhere.stop()
  expect(failure).toMatchObject({ code: 'delivery_failed', message: expect.stringContaining('redirects') })
  expect(elsewhere.authorizations).toEqual([])
})

test('ssh is told the vetted address, and knows the host by its name and port', async () => {
  const { host, record } = await recordingSsh(bench)
  const vetted = { ...host, allowPrivateHosts: false, vet: pinnedToLoopback }
  const source = sourceOf(`ssh://git@example.test:2222${bench.root}/demo.git`)
  const run = await bench.createRun({ source, host: vetted, workingBranch: 'by-ssh' })
  expect(await run.syncAndDeliver('echo x > x')).toMatchObject({ pushed: true })
  const recorded = (await readFile(record, 'utf8')).split('\n')
  expect(recorded.filter(line => line === 'HostName=127.0.0.1').length).toBeGreaterThan(2)
  expect(recorded).toContain('HostKeyAlias=[example.test]:2222')
})
