import { afterAll, beforeEach, describe, expect, test } from 'bun:test'
import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError } from '@mogplex/kit/errors.ts'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { type Fault, serveBreakingFront, serveHostileFront } from '@mogplex/kit/test-bench/hostile-front.ts'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { useGitHttpServer } from '../test-bench/git-http-server.ts'
import { git, makeBareRepository, makeWorkTree, useDirectory } from '../test-bench/git-repositories.ts'
import { findLocalRepository } from './local-repository.ts'
import { probeRemote } from './probe.ts'

const root = useDirectory()
const token = `tok-${crypto.randomUUID()}`
const basic: RemoteAuth = { kind: 'basic', username: 'me', token }
makeBareRepository(root, 'app.git', 'trunk')
const server = useGitHttpServer(root, null)
const front = serveHostileFront(server.url)
afterAll(() => front.stop())

let waits: number[] = []
const sleep = async (ms: number) => void waits.push(ms)
beforeEach(() => {
  waits = []
  front.faults = []
  front.seen = []
})

function probe(url: string, timeoutMs = 15_000) {
  const remote = parseRemote(url, { allowHttp: true })
  return probeRemote({ remote, addresses: null }, basic, timeoutMs, { sleep })
}

/** The words of the refusal. */
async function refusal(probing: Promise<unknown>): Promise<string> {
  const error: unknown = await probing.catch(cause => cause)
  if (!(error instanceof ApiError)) throw new Error(`not refused: ${error}`)
  return error.message
}

const times = (count: number, fault: Fault) => Array.from({ length: count }, () => fault)
const html = 'text/html; charset=utf-8'

describe('an import', () => {
  test.each([429, 502, 503, 504])('asks a remote that answers %d again', async status => {
    front.faults = times(3, { status })
    expect(await probe(`${front.origin}/app.git`)).toEqual({ headBranch: 'trunk' })
    expect(waits).toHaveLength(3)
  })

  test.each(['reset', 'close'] as const)('asks a remote again whose connections end by %s', async how => {
    const breaking = serveBreakingFront(server.url, 2, how)
    expect(await probe(`${breaking.origin}/app.git`)).toEqual({ headBranch: 'trunk' })
    breaking.stop()
    expect(waits).toHaveLength(2)
  })

  test('gives up after five tries, with status and words of the remote', async () => {
    front.faults = times(100, { status: 503, body: `Down for maintenance, ${token}` })
    expect(await refusal(probe(`${front.origin}/app.git`))).toBe(
      'remote_url: the remote is not available at the moment; try again in a while (HTTP 503); it says: "Down for maintenance, [redacted]"',
    )
    expect(waits).toHaveLength(4)
    for (const [attempt, bound] of [500, 1_000, 2_000, 4_000].entries())
      expect(waits[attempt]).toBeLessThanOrEqual(bound)
  })

  test('does not ask again what says no', async () => {
    for (const status of [403, 404, 500]) {
      front.faults = times(100, { status, body: 'no' })
      expect(await refusal(probe(`${front.origin}/app.git`))).toContain(`(HTTP ${status}); it says: "no"`)
    }
    expect(waits).toEqual([])
    expect(front.seen).toHaveLength(3)
  })

  test.each<[string, Fault]>([
    ['a page of many lines', { status: 200, type: html, body: '<html>\nSign in\n</html>\n' }],
    ['a page of one line', { status: 200, type: html, body: '<html>Sign in</html>' }],
    ['an empty page', { status: 200, type: html }],
    ['an answer of an API', { status: 200, type: 'application/json', body: '{}' }],
    [
      'a redirect to a sign-in page',
      { status: 302, headers: { location: 'https://sso.test/login?to=/app.git' } },
    ],
  ])('says of %s that it is not git', async (_, fault) => {
    front.faults = times(100, fault)
    expect(await refusal(probe(`${front.origin}/app.git`))).toContain('answered with a web page, not git')
    expect(waits).toEqual([])
  })

  test('says of a redirect to another address that it is one, and takes an empty repository', async () => {
    front.faults = times(2, {
      status: 301,
      headers: { location: '/new.git/info/refs?service=git-upload-pack' },
    })
    expect(await refusal(probe(`${front.origin}/app.git`))).toContain('use its final address (HTTP 301)')
    git(root, 'init', '-q', '--bare', 'empty.git')
    expect(await probe(`${front.origin}/empty.git`)).toEqual({ headBranch: null })
  })

  test('refuses a remote that is shallow or has SHA-256 objects, by http', async () => {
    const tree = makeWorkTree(root, 'long')
    git(tree, 'commit', '-q', '--allow-empty', '-m', 'Second')
    git(root, 'clone', '-q', '--bare', '--depth=1', `file://${tree}`, 'shallow.git')
    expect(await refusal(probe(`${server.url}/shallow.git`))).toMatch(/shallow clone.*git fetch --unshallow/)
    expect(await probe(`${server.url}/long`)).toEqual({ headBranch: 'main' })
    git(root, 'init', '-q', '-b', 'main', '--object-format=sha256', 'new')
    git(join(root, 'new'), 'commit', '-q', '--allow-empty', '-m', 'First')
    expect(await refusal(probe(`${server.url}/new`))).toMatch(/SHA-256.*SHA-1 format/)
    expect(await refusal(probe(join(root, 'new')))).toMatch(/SHA-256.*SHA-1 format/)
  })
})

describe('an import of a local repository refuses', () => {
  const find = (path: string) => refusal(findLocalRepository(path, [root]))

  test('a shallow clone', async () => {
    const tree = makeWorkTree(root, 'deep')
    git(tree, 'commit', '-q', '--allow-empty', '-m', 'Second')
    git(root, 'clone', '-q', '--depth=1', `file://${tree}`, 'flat')
    expect(await find(join(root, 'flat'))).toMatch(/shallow clone.*git fetch --unshallow/)
    git(join(root, 'flat'), 'fetch', '-q', '--unshallow')
    expect(await findLocalRepository(join(root, 'flat'), [root])).toBe(join(root, 'flat'))
  })

  test('a partial clone', async () => {
    const tree = makeWorkTree(root, 'whole')
    writeFileSync(join(tree, 'file'), 'x')
    git(tree, 'add', '.')
    git(tree, 'commit', '-q', '-m', 'Second')
    git(tree, 'config', 'uploadpack.allowFilter', 'true')
    git(root, 'clone', '-q', '--bare', '--filter=blob:none', `file://${tree}`, 'part.git')
    expect(await find(join(root, 'part.git'))).toMatch(/partial clone.*whole clone/)
    // Nor does it count as whole because its configuration does not say so any more.
    git(join(root, 'part.git'), 'remote', 'remove', 'origin')
    expect(await find(join(root, 'part.git'))).toMatch(/partial clone/)
  })

  test.if(process.getuid?.() === 0)('one of another account', async () => {
    const path = makeBareRepository(root, 'theirs.git')
    chownSync(join(path, 'objects'), 65_534, 65_534)
    expect(await find(path)).toMatch(/belongs to another account.*chown.*https or ssh/)
  })
})
