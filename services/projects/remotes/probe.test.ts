import { afterAll, describe, expect, test } from 'bun:test'
import { chownSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApiError } from '@mogplex/kit/errors.ts'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { useGitHttpServer } from '../test-bench/git-http-server.ts'
import { git, makeBareRepository, makeWorkTree, useDirectory } from '../test-bench/git-repositories.ts'
import { probeRemote } from './probe.ts'

const root = useDirectory()
// A temporary directory of its own, to see what stays there.
const temporary = useDirectory()
const inherited = process.env.TMPDIR
process.env.TMPDIR = temporary
afterAll(() => {
  if (inherited === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = inherited
})
const none: RemoteAuth = { kind: 'none' }
const token = `tok-${crypto.randomUUID()}-%41 "$(id)" 'x`
const basic: RemoteAuth = { kind: 'basic', username: 'me@example.com', token }
const open = useGitHttpServer(root, null)
const guarded = useGitHttpServer(root, { username: 'me@example.com', token })
makeBareRepository(root, 'app.git', 'trunk')

function probe(url: string, auth = none, options: { addresses?: string[]; timeoutMs?: number } = {}) {
  const remote = parseRemote(url, { allowHttp: true })
  return probeRemote({ remote, addresses: options.addresses ?? null }, auth, options.timeoutMs)
}

async function refusal(probing: Promise<unknown>): Promise<string> {
  const error = await probing.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ApiError)) throw new Error(`not refused: ${error}`)
  expect(error.code).toBe('REMOTE_UNREACHABLE')
  return error.message
}

/** Command lines of running processes that mention `text`. */
function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return '' // Ended between the listing and the reading.
      }
    })
    .filter(line => line.includes(text))
}

function listen(onOpen: (write: (text: string) => void) => void, onData: (text: string) => void = () => {}) {
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: socket => onOpen(text => socket.write(text)),
      data: (_, data) => onData(data.toString()),
    },
  })
  afterAll(() => server.stop(true))
  return server.port
}

describe('local repositories', () => {
  test('a bare repository tells its branch', async () => {
    expect(await probe(join(root, 'app.git'))).toEqual({ headBranch: 'trunk' })
  })

  test('a work tree tells its branch, also when it was cloned and has an origin/HEAD', async () => {
    git(root, 'clone', '-q', 'app.git', 'clone')
    git(join(root, 'clone'), 'checkout', '-q', '-b', 'work')
    expect(await probe(join(root, 'clone'))).toEqual({ headBranch: 'work' })
  })

  test('an empty repository and a detached HEAD have no branch', async () => {
    git(root, 'init', '-q', '--bare', 'empty.git')
    const detached = makeWorkTree(root, 'detached')
    git(detached, 'checkout', '-q', '--detach')
    expect(await probe(join(root, 'empty.git'))).toEqual({ headBranch: null })
    expect(await probe(detached)).toEqual({ headBranch: null })
  })

  test.if(process.getuid?.() === 0)('a repository of another account is refused', async () => {
    const path = makeBareRepository(root, 'foreign "quoted\\.git')
    for (const entry of ['', 'HEAD', 'config', 'objects', 'refs'])
      chownSync(join(path, entry), 65_534, 65_534)
    const remote = { kind: 'local', path, url: `file://${path}` } as const
    expect(await refusal(probeRemote({ remote, addresses: null }, none))).toContain('another account')
  })

  test('what stopped being a repository is refused without its path', async () => {
    expect(await refusal(probe(join(root, 'gone.git')))).not.toContain(root)
  })
})

describe('http remotes', () => {
  test('an open one needs no credential', async () => {
    expect(await probe(`${open.url}/app.git`)).toEqual({ headBranch: 'trunk' })
  })

  test('a guarded one takes the right credential, even beside another user name in the address', async () => {
    expect(await probe(`${guarded.url}/app.git`, basic)).toEqual({ headBranch: 'trunk' })
    expect(await probe(`${guarded.url.replace('//', '//other@')}/app.git`, basic)).toEqual({
      headBranch: 'trunk',
    })
  })

  test('without a credential and with a wrong one it is refused, and the text holds neither', async () => {
    expect(await refusal(probe(`${guarded.url}/app.git`))).toContain('credential')
    const wrong: RemoteAuth = { kind: 'basic', username: 'me', token: 'wrong-secret' }
    const text = await refusal(probe(`${guarded.url}/app.git`, wrong))
    expect(text).toContain('refused the credential')
    expect(text).not.toMatch(/wrong-secret|127\.0\.0\.1/)
  })

  test('a repository that is not there is refused', async () => {
    expect(await refusal(probe(`${open.url}/missing.git`))).toContain('no repository')
  })

  test('the connection goes to the vetted address, whatever the name means elsewhere', async () => {
    const url = `${open.url.replace('127.0.0.1', 'pinned.invalid')}/app.git`
    expect(await probe(url, none, { addresses: ['127.0.0.1'] })).toEqual({ headBranch: 'trunk' })
    await refusal(probe(url))
  })

  test('a redirect is not followed', async () => {
    const before = open.authorizations.length
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: request => {
        const { pathname, search } = new URL(request.url)
        return Response.redirect(`${open.url}${pathname}${search}`, 302)
      },
    })
    afterAll(() => server.stop(true))
    expect(await refusal(probe(`${server.url.origin}/app.git`))).toContain('redirects')
    expect(open.authorizations.length).toBe(before)
  })

  test('a server that never answers is left after the limit, with every process, none of which names the credential', async () => {
    const port = listen(() => undefined)
    const probing = refusal(probe(`http://127.0.0.1:${port}/app`, basic, { timeoutMs: 4_000 }))
    const running = () => processesNaming(`127.0.0.1:${port}`)
    expect(await waitUntil(() => running().length > 0, { limitMs: 20_000, everyMs: 10 })).toBe(true)
    expect(processesNaming(token)).toEqual([])
    expect(await probing).toContain('4 s')
    expect(await waitUntil(() => running().length === 0, { limitMs: 20_000 })).toBe(true)
  })

  test('an answer without end costs bounded memory and ends', async () => {
    const chunk = new Uint8Array(1024 * 1024).fill(0x61)
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () =>
        new Response(new ReadableStream({ pull: controller => controller.enqueue(chunk) }), {
          headers: { 'content-type': 'application/x-git-upload-pack-advertisement' },
        }),
    })
    afterAll(() => server.stop(true))
    await refusal(probe(`${server.url.origin}/app`))
  })

  test('a flood of refs named HEAD is cut off', async () => {
    const tree = makeWorkTree(root, 'flood')
    const commit = git(tree, 'rev-parse', 'HEAD')
    const refs = Array.from({ length: 800 }, (_, i) => `create refs/x/${'n'.repeat(200)}/${i}/HEAD ${commit}`)
    Bun.spawnSync(['git', 'update-ref', '--stdin'], { cwd: tree, stdin: Buffer.from(`${refs.join('\n')}\n`) })
    expect((await probe(tree)).headBranch).toBe('main')
    const more = refs.flatMap(line => [line.replace('/x/', '/y/'), line.replace('/x/', '/z/')])
    Bun.spawnSync(['git', 'update-ref', '--stdin'], { cwd: tree, stdin: Buffer.from(`${more.join('\n')}\n`) })
    expect(await refusal(probe(tree))).toContain('too much')
  })
})

describe('ssh remotes', () => {
  test('ssh connects to the vetted address and leaves nothing running', async () => {
    let heard = ''
    const port = listen(
      write => write('SSH-2.0-nobody\r\n'),
      text => {
        heard += text
      },
    )
    const key: RemoteAuth = { kind: 'ssh', privateKey: 'no real key\n' }
    // Of this run alone: it is looked for among all processes of the machine.
    const host = `pinned-${crypto.randomUUID()}.invalid`
    const url = `ssh://git@${host}:${port}/app.git`
    await refusal(probe(url, key, { addresses: ['127.0.0.1'], timeoutMs: 5_000 }))
    expect(heard).toStartWith('SSH-2.0-')
    expect(await waitUntil(() => processesNaming(host).length === 0, { limitMs: 20_000 })).toBe(true)
  })
})

test('nothing is left in the temporary directory', async () => {
  expect(tmpdir()).toBe(temporary)
  expect(readdirSync(temporary)).toEqual([])
})
