import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { deliver } from './deliver.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'
import { commandLinesContaining, filesContaining } from './test-observe.ts'
import { recordingSsh } from './test-recording-ssh.ts'

/** Of this run alone: it is looked for among all processes of the machine. */
const CREDENTIAL = { username: 'robot@team', token: `tok-${crypto.randomUUID()}` }
const auth = { kind: 'basic', ...CREDENTIAL } as const

let bench: Bench
let server: HttpRemote
beforeAll(async () => {
  bench = await createBench()
  await bench.createRemote('demo.git')
  server = serveHttpRemote(bench.root, CREDENTIAL)
})
afterEach(() => {
  server.authorizations.length = 0
  server.intercept = async () => null
})
afterAll(async () => {
  await server.stop()
  await bench.remove()
})

const url = () => `${server.origin}/demo.git`

test('a credential arrives at its host and is in no argument, configuration or file', async () => {
  const seen: string[] = []
  server.intercept = async () => {
    seen.push(...(await commandLinesContaining(CREDENTIAL.token)))
    seen.push(...(await filesContaining(bench.root, CREDENTIAL.token)))
    return null
  }
  const run = await bench.createRun({ source: sourceOf(url(), auth) })
  const delivery = await run.syncAndDeliver('echo x > x')
  expect(delivery).toMatchObject({ pushed: true, changedFiles: 1 })
  expect(await git(join(bench.root, 'demo.git'), 'rev-parse', 'work')).toBe(delivery.commit)
  expect(server.authorizations.some(header => header !== null)).toBe(true)
  expect(seen).toEqual([])
  expect(await filesContaining(bench.root, CREDENTIAL.token)).toEqual([])
})

test('a credential is used anew for each call: a changed one counts at once', async () => {
  const run = await bench.createRun({ source: sourceOf(url(), auth), workingBranch: 'again' })
  const checkout = await syncCheckout(run.sync)
  await run.agent('echo x > x')
  const source = sourceOf(url(), { ...auth, token: 'revoked' })
  await expect(deliver(run.delivery(checkout, { source }))).rejects.toMatchObject({
    code: 'delivery_failed',
    message: 'The agent finished, but delivery failed: the remote refused access; the remote says: "no"',
  })
  expect(await deliver(run.delivery(checkout))).toMatchObject({ pushed: true })
})

test('no credential where one is asked for, and a wrong one, are told apart', async () => {
  const none = await bench.createRun({ source: sourceOf(url()) })
  await expect(syncCheckout(none.sync)).rejects.toMatchObject({ code: 'credentials_missing' })
  const wrong = await bench.createRun({ source: sourceOf(url(), { ...auth, token: 'tok-wrong' }) })
  const failure = await syncCheckout(wrong.sync).catch(error => error)
  expect(failure).toMatchObject({
    code: 'git_sync_failed',
    message: 'The remote refused the stored credential; the remote says: "no"',
  })
  expect(JSON.stringify(failure)).not.toContain('tok-wrong')
})

test('an unreachable remote is named as such', async () => {
  const gone = serveHttpRemote(bench.root, null)
  await gone.stop()
  const run = await bench.createRun({ source: sourceOf(`${gone.origin}/demo.git`) })
  await expect(syncCheckout(run.sync)).rejects.toMatchObject({
    code: 'git_sync_failed',
    message: 'Git sync failed: the remote could not be reached',
  })
})

test('an ssh key is a file only we can read, for as long as git runs', async () => {
  const { host, record } = await recordingSsh(bench)
  const privateKey =
    '-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0IGtleSA0NzEx\n-----END OPENSSH PRIVATE KEY-----'
  const source = sourceOf(`ssh://git@example.test${bench.root}/demo.git`, { kind: 'ssh', privateKey })
  const run = await bench.createRun({ source, host, workingBranch: 'by-ssh' })
  const left = join(bench.host.dataDirectory, 'git-keys', '999999999-left')
  await mkdir(left, { recursive: true })
  expect(await run.syncAndDeliver('echo x > x', { host })).toMatchObject({ pushed: true })
  const recorded = await readFile(record, 'utf8')
  expect(recorded).toContain(`mode 600\nmode 700\n${privateKey}\n`)
  expect(recorded).toContain('StrictHostKeyChecking=accept-new')
  expect(recorded).toContain('IdentityAgent=none')
  expect(await readdir(join(bench.host.dataDirectory, 'git-keys'))).toEqual([])
  expect(await filesContaining(bench.host.dataDirectory, 'c2VjcmV0IGtleSA0NzEx')).toEqual([])
})

test('without a key ssh gets neither a key nor an agent', async () => {
  const { host, record } = await recordingSsh(bench)
  const source = sourceOf(`git@example.test:${bench.root}/demo.git`)
  const run = await bench.createRun({ source, host, workingBranch: 'by-ssh-2' })
  await syncCheckout(run.sync)
  const recorded = await readFile(record, 'utf8')
  expect(recorded).toContain('PubkeyAuthentication=no')
  expect(recorded).not.toContain('IdentityFile')
})
