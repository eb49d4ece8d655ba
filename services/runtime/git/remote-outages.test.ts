import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import {
  type Fault,
  type HostileFront,
  serveBreakingFront,
  serveHostileFront,
} from '@mogplex/kit/test-bench/hostile-front.ts'
import { deliveryFailure, RemoteOutage } from './failure.ts'
import { fetchRemote } from './fetch-remote.ts'
import type { GitHost } from './host-git.ts'
import { ensureMirror } from './mirror.ts'
import { type PushRequest, pushBranch } from './push.ts'
import { pushFailureReason, refusedSync } from './remote-failure.ts'
import { type Bench, createBench, git, sourceOf } from './test-bench.ts'

const CREDENTIAL = { username: 'robot', token: `tok-${crypto.randomUUID()}` }
const auth = { kind: 'basic', ...CREDENTIAL } as const

let bench: Bench
let server: HttpRemote
let front: HostileFront
let waits: number[]
let host: GitHost
beforeAll(async () => {
  bench = await createBench()
  server = serveHttpRemote(bench.root, null)
  front = serveHostileFront(server.origin)
})
beforeEach(() => {
  waits = []
  const sleep = async (ms: number) => void waits.push(ms)
  host = { ...bench.host, patience: { delaysMs: [4, 8, 16, 32, 60], limitMs: 120_000, sleep } }
  front.faults = []
  front.seen = []
  front.matches = () => true
})
afterAll(async () => {
  front.stop()
  await server.stop()
  await bench.remove()
})

let made = 0
/** A remote of its own, and its path below an origin. */
async function newRemote() {
  made += 1
  const path = await bench.createRemote(`r${made}.git`)
  await git(path, 'config', 'http.receivepack', 'true')
  return { path, name: `r${made}.git`, tip: await git(path, 'rev-parse', 'main') }
}

async function request(url: string, more: { host?: GitHost; signal?: AbortSignal } = {}) {
  const remote = parseRemote(url, { allowHttp: true })
  const using = more.host ?? host
  const mirror = await ensureMirror(using, newId(), remote)
  const signal = more.signal ?? new AbortController().signal
  return {
    host: using,
    mirror,
    source: sourceOf(url, auth),
    remote,
    baseBranch: 'main',
    workingBranch: 'work',
    signal,
  }
}

const isRefs = (r: Request) => r.method === 'GET'
const isPost = (r: Request) => r.method === 'POST'
const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault)

describe('a fetch gets through', () => {
  test.each<[string, (r: Request) => boolean, Fault]>([
    ['429 of refs', isRefs, { status: 429, body: 'slow down' }],
    ['502 of refs', isRefs, { status: 502 }],
    ['503 of refs', isRefs, { status: 503 }],
    ['504 of refs', isRefs, { status: 504 }],
    ['429 of the pack', isPost, { status: 429 }],
    ['503 of the pack', isPost, { status: 503 }],
    ['a pack that is cut off', isPost, { cutAfter: 100 }],
  ])('%s, three times', async (_, matches, fault) => {
    const { name, tip } = await newRemote()
    front.matches = matches
    front.faults = times(3, fault)
    expect(await fetchRemote(await request(`${front.origin}/${name}`))).toEqual({
      baseCommit: tip,
      workingCommit: null,
    })
    expect(front.faults).toEqual([])
    expect(waits.length).toBeGreaterThan(0)
  })

  test.each(['reset', 'close'] as const)('connections that end by %s, three times', async how => {
    const { name, tip } = await newRemote()
    const breaking = serveBreakingFront(server.origin, 3, how)
    const { baseCommit } = await fetchRemote(await request(`${breaking.origin}/${name}`))
    breaking.stop()
    expect(baseCommit).toBe(tip)
    expect(waits.length).toBeGreaterThan(0)
  })

  test('a name that has no address, twice', async () => {
    const { name, tip } = await newRemote()
    let asked = 0
    const vet = async () => {
      asked += 1
      return asked < 3
        ? { status: 'unresolved' as const }
        : { status: 'public' as const, addresses: ['127.0.0.1'] }
    }
    const url = `http://host.invalid:${new URL(server.origin).port}/${name}`
    const { baseCommit } = await fetchRemote(
      await request(url, { host: { ...host, allowPrivateHosts: false, vet } }),
    )
    expect([baseCommit, waits.length]).toEqual([tip, 2])
  })
})

describe('an outage that lasts is told as one, after six tries', () => {
  test.each<[string, () => Promise<string>, RegExp]>([
    [
      '503',
      async () => `${front.origin}/${(await newRemote()).name}`,
      /not available at the moment \(HTTP 503\); the remote says: "Ooops"$/,
    ],
    ['a port nobody listens on', async () => 'http://127.0.0.1:1/a.git', /could not be reached$/],
    ['a name that means nothing', async () => 'http://nowhere.invalid/a.git', /could not be reached$/],
  ])('%s', async (_, url, message) => {
    front.faults = times(100, { status: 503, body: 'O\u001b[1mo\u001b[0mops' })
    const failure = await fetchRemote(await request(await url())).catch(error => error)
    expect(failure).toBeInstanceOf(RemoteOutage)
    expect(failure).toMatchObject({ code: 'git_sync_failed', message: expect.stringMatching(message) })
    expect(waits).toHaveLength(5)
  })

  test('an abort while it waits stops the work', async () => {
    const abort = new AbortController()
    const patience = { delaysMs: [60_000], limitMs: 120_000, random: () => 1 }
    front.faults = times(100, { status: 503 })
    const fetching = fetchRemote(
      await request(`${front.origin}/${(await newRemote()).name}`, {
        host: { ...host, patience },
        signal: abort.signal,
      }),
    )
    setTimeout(() => abort.abort(), 1_500)
    const startedAt = performance.now()
    await expect(fetching).rejects.toMatchObject({ name: 'GitStopped' })
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })
})

describe('what will not pass is told at once', () => {
  const html = 'text/html; charset=utf-8'
  test.each<[string, Fault, string, RegExp]>([
    [
      '403',
      { status: 403, body: `no, ${CREDENTIAL.token}` },
      'git_sync_failed',
      /refused the stored credential \(HTTP 403\); the remote says: "no, \[redacted\]"$/,
    ],
    ['404', { status: 404 }, 'git_sync_failed', /was not found \(HTTP 404\)$/],
    [
      '401',
      { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
      'git_sync_failed',
      /refused the stored credential$/,
    ],
    ['500', { status: 500 }, 'git_sync_failed', /answered with an error \(HTTP 500\)$/],
    [
      'a page of lines',
      { status: 200, type: html, body: '<html>\nSign in\n</html>' },
      'git_sync_failed',
      /a web page, not git/,
    ],
    [
      'a page of one line',
      { status: 200, type: html, body: '<html>' },
      'git_sync_failed',
      /a web page, not git/,
    ],
    [
      'a redirect to a sign-in page',
      { status: 302, headers: { location: '/users/sign_in' } },
      'git_sync_failed',
      /a web page, not git/,
    ],
    [
      'a redirect to another place',
      { status: 301, headers: { location: '/new.git/info/refs?service=git-upload-pack' } },
      'git_sync_failed',
      /final address \(HTTP 301\)$/,
    ],
  ])('%s', async (_, fault, code, message) => {
    front.faults = times(100, fault)
    const failure = await fetchRemote(await request(`${front.origin}/${(await newRemote()).name}`)).catch(
      error => error,
    )
    expect(failure).not.toBeInstanceOf(RemoteOutage)
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) })
    expect(waits).toEqual([])
  })

  test('a repository without commits is none of these', async () => {
    await git(bench.root, 'init', '--quiet', '--bare', 'none.git')
    await expect(fetchRemote(await request(`${front.origin}/none.git`))).rejects.toMatchObject({
      message: expect.stringContaining('has no commits'),
    })
  })

  test.each([
    ['shallow', ['clone', '--quiet', '--bare', '--depth=1'], /is a shallow clone.*--unshallow/],
    ['SHA-256', ['init', '--quiet', '--bare', '--object-format=sha256'], /SHA-256.*SHA-1 format/],
  ])('a %s remote', async (kind, args, message) => {
    const { path } = await newRemote()
    await bench.commitToRemote(path, 'main', 'second')
    const name = `${kind}.git`
    if (args[0] === 'clone') await git(bench.root, ...args, `file://${path}`, name)
    else {
      await git(bench.root, ...args, '--initial-branch=main', name)
      const seed = join(bench.root, `${name}.seed`)
      await git(bench.root, 'init', '--quiet', '--object-format=sha256', '--initial-branch=main', seed)
      await git(seed, 'commit', '--quiet', '--allow-empty', '-m', 'x')
      await git(seed, 'push', '--quiet', join(bench.root, name), 'main')
    }
    const failure = await fetchRemote(await request(`${server.origin}/${name}`)).catch(error => error)
    expect(failure).toMatchObject({ code: 'git_sync_failed', message: expect.stringMatching(message) })
  })
})

describe('a push', () => {
  /** A mirror with a commit that the branch does not have yet. */
  async function newPush(more: Partial<PushRequest> = {}) {
    const { name, path, tip } = await newRemote()
    const fetched = await request(`${front.origin}/${name}`)
    await fetchRemote(fetched)
    waits = []
    front.seen = []
    const push = {
      ...fetched,
      commit: tip,
      branch: 'work',
      refused: deliveryFailure,
      confirm: async () => true,
      ...more,
    }
    return {
      push,
      path,
      tip,
      sent: () => front.seen.filter(line => line.startsWith('GET') && line.includes('receive-pack')).length,
    }
  }
  const branchOf = (path: string) => git(path, 'for-each-ref', '--format=%(objectname)', 'refs/heads/work')
  const isReceive = (r: Request) => r.url.includes('receive-pack')
  const isReceivePost = (r: Request) => r.method === 'POST' && isReceive(r)

  test.each<[string, (r: Request) => boolean, Fault]>([
    ['429 of refs', isReceive, { status: 429 }],
    ['503 of refs', isReceive, { status: 503 }],
    ['502 of the pack', isReceivePost, { status: 502 }],
    ['504 of the pack', isReceivePost, { status: 504 }],
  ])('gets through %s, four times', async (_, matches, fault) => {
    const { push, path, tip } = await newPush()
    front.matches = matches
    front.faults = times(4, fault)
    expect(await pushBranch(push)).toMatchObject({ exitCode: 0 })
    expect(await branchOf(path)).toBe(tip)
    expect(waits).toHaveLength(4)
  })

  test.each([502, 503, 504])(
    'whose answer is lost (%d) is found to have arrived, and not sent again',
    async status => {
      const { push, path, tip, sent } = await newPush()
      front.matches = isReceivePost
      front.faults = [{ doneThen: status }]
      expect(await pushBranch(push)).toMatchObject({ exitCode: 0 })
      expect(await branchOf(path)).toBe(tip)
      expect(sent()).toBe(1)
    },
  )

  test('whose answer is lost at the last try is looked for as well', async () => {
    const { push, path, tip } = await newPush()
    front.matches = isReceivePost
    front.faults = [...times(5, { status: 503 }), { doneThen: 503 }]
    expect(await pushBranch(push)).toMatchObject({ exitCode: 0 })
    expect(await branchOf(path)).toBe(tip)
  })

  test('that never gets through fails with what a person can do', async () => {
    const { push, path } = await newPush()
    front.matches = isReceive
    front.faults = times(100, { status: 503 })
    const result = await pushBranch(push)
    expect(result.exitCode).not.toBe(0)
    expect(waits).toHaveLength(5)
    expect(pushFailureReason(result, push.source)).toMatch(
      /HTTP 503\)\. What the agent made is kept.*"resume"/,
    )
    expect(await branchOf(path)).toBe('')
  })

  test('is not tried again once it may not be', async () => {
    let asked = 0
    const confirm = async () => {
      asked += 1
      return asked === 1
    }
    const { push, path } = await newPush({ confirm })
    front.matches = isReceivePost
    front.faults = times(1, { status: 503 })
    await expect(pushBranch(push)).rejects.toMatchObject({ name: 'GitStopped' })
    expect(await branchOf(path)).toBe('')
  })

  test('that is too large is told so, once', async () => {
    const { push } = await newPush()
    front.matches = isReceivePost
    front.faults = times(100, { status: 413 })
    expect(pushFailureReason(await pushBranch(push), push.source)).toMatch(/push this large.*\(HTTP 413\)$/)
    expect(waits).toEqual([])
  })

  test.each<[string, string, RegExp]>([
    [
      'lies about a failed sign-in',
      'fatal: Authentication failed for x',
      /rejected the branch: a hook of the remote declined it.*"fatal: Authentication failed for x"$/,
    ],
    [
      'lies about a repository that is not there',
      'repository not found',
      /declined it.*"repository not found"$/,
    ],
    [
      'lies about an outage',
      'The requested URL returned error: 503',
      /declined it.*"The requested URL returned error: 503"$/,
    ],
    ['lies about a moved branch', '! [rejected] non-fast-forward (fetch first)', /declined it/],
    ['lies about our limits', 'fatal: out of memory, mmap failed; died of signal 9', /declined it/],
    ['protects a branch', 'error: GH006: Protected branch update failed', /the branch is protected/],
    ['wants signatures', 'GitLab: Commit must be signed with a GPG key', /signed commits only/],
    ['guards addresses', 'error: GH007: Your push would publish a private email address.', /keeps private/],
    ['does not take large files', 'error: GH001: Large files detected.', /file is too large/],
    ['repeats the credential', `your token is ${CREDENTIAL.token}`, /"your token is \[redacted\]"$/],
  ])('to a remote with a hook that %s', async (_, words, reason) => {
    const { push, path } = await newPush()
    const hook = join(path, 'hooks', 'pre-receive')
    await writeFile(hook, `#!/bin/sh\ncat <<'END' >&2\n${words}\nEND\nexit 1\n`)
    await chmod(hook, 0o755)
    const told = pushFailureReason(await pushBranch(push), push.source)
    expect(told).toMatch(reason)
    expect(told).not.toContain(CREDENTIAL.token)
    expect(waits).toEqual([])
  })
})

test('a failure that is no outage of the remote is none', () => {
  expect(refusedSync('x')).not.toBeInstanceOf(RemoteOutage)
})
