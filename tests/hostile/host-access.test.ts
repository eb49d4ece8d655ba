/** A second user who tries to get at the operator's machine, and at what only this machine reaches. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { type Account, call, OPEN_DOORS, send, signUpWithToken } from '../system/accounts.ts'
import { runAdmin } from '../system/admin-command.ts'
import { type System, startSystem } from '../system/launch.ts'
import { GIT_ROOT, importRepository, makeRemote } from '../system/repositories.ts'
import { startRun, waitForEnd } from '../system/runs.ts'

setDefaultTimeout(60_000)

const remote = makeRemote()
const link = join(GIT_ROOT, 'link.git')
symlinkSync(remote.path, link)
const web = serveHttpRemote(GIT_ROOT, null)
/** Something that speaks no git, and tells who connects. */
const connections: string[] = []
const listener = createServer(socket => {
  connections.push(socket.remoteAddress ?? '?')
  socket.end('220 welcome\r\n')
})

let system: System
let operator: Account
let mallory: Account
let openPort: number
let closedPort: number

beforeAll(async () => {
  openPort = await new Promise(resolve => {
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
  closedPort = await reservePort()
  const rules = { LOCAL_GIT_ROOTS: `${GIT_ROOT}:${temporaryDirectory('elsewhere')}`, GIT_ALLOW_HTTP: 'true' }
  system = await startSystem({ env: { ...OPEN_DOORS, ...rules, ENABLE_ECHO_HARNESS: 'true' } })
  // Without `state` nobody is granted anything but what the product grants by itself.
  const { baseUrl } = system
  operator = await signUpWithToken({ baseUrl })
  mallory = await signUpWithToken({ baseUrl })
}, 60_000)
afterAll(async () => {
  await system.stop()
  await web.stop()
  listener.close()
})

const imported = async (account: Account, remote_url: string) => {
  const startedAt = performance.now()
  const as = { token: account.token }
  const response = await send(system, 'POST', '/api/repos', { as, json: { provider: 'git', remote_url } })
  const text = await response.text()
  return { status: response.status, text, seconds: (performance.now() - startedAt) / 1_000 }
}
const admin = (action: string, { email }: Account) => runAdmin(system.home, 'user', action, email)

describe('repositories of the machine', () => {
  const spellings: [string, () => string][] = [
    ['its path', () => remote.path],
    [
      'a path with a detour',
      () => join(GIT_ROOT, 'x').replace(/x$/, `./../${GIT_ROOT.split('/').at(-1)}/${remote.name}`),
    ],
    ['a link to it', () => link],
    ['file://', () => `file://${remote.path}`],
    ['FILE:// and percent signs', () => `FILE://${remote.path.replaceAll('e', '%65')}`],
    ['file:// and a host', () => `file://localhost${remote.path}`],
    ['/proc/self/root before it', () => `/proc/self/root${remote.path}`],
    ['two slashes before it', () => `/${remote.path}`],
    ['a path that is not there', () => join(GIT_ROOT, 'missing.git')],
    ['a directory that is none', () => '/etc'],
    ['the home of the instance', () => system.home],
  ]
  test.each(spellings)('a second user tries to import one by %s', async (_how, remoteUrl) => {
    const { status, text } = await imported(mallory, remoteUrl())
    expect([status, JSON.parse(text).code]).toEqual([400, 'INVALID_REMOTE'])
  })

  test('a second user tries to tell by the answers which paths there are', async () => {
    const paths = [remote.path, join(GIT_ROOT, 'missing.git'), '/etc', '/root', '/nonexistent']
    const answers = await Promise.all(paths.map(path => imported(mallory, path)))
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  })

  test('a second user tries to have it with settings of his own', async () => {
    const { cookie } = mallory
    for (const json of [
      { theme: 'dark', host_access: true },
      { theme: 'dark', hostAccess: true },
    ])
      await send(system, 'PATCH', '/api/settings', { as: { cookie }, json })
    expect((await imported(mallory, remote.path)).status).toBe(400)
  })

  test('the first user has it', async () => {
    expect((await imported(operator, remote.path)).status).toBe(200)
    expect((await imported(operator, `${web.origin}/${remote.name}`)).status).toBe(200)
  })
})

describe('hosts of the machine’s network', () => {
  const hosts: [string, (port: number) => string][] = [
    ['in four numbers', port => `http://127.0.0.1:${port}/x.git`],
    ['in one number', port => `http://2130706433:${port}/x.git`],
    ['in hexadecimal', port => `http://0x7f000001:${port}/x.git`],
    ['in octal', port => `http://0177.0.0.1:${port}/x.git`],
    ['shortened', port => `http://127.1:${port}/x.git`],
    ['as IPv6 that stands for IPv4', port => `http://[0:0:0:0:0:ffff:7f00:1]:${port}/x.git`],
    ['with another address of loopback', port => `http://127.8.8.8:${port}/x.git`],
    ['by its name', port => `http://localhost:${port}/x.git`],
    ['below its name', port => `https://a.localhost:${port}/x.git`],
    ['with zeros', port => `http://0.0.0.0:${port}/x.git`],
    ['over ssh', port => `ssh://git@127.0.0.1:${port}/x.git`],
    ['in a private network', port => `https://10.0.0.1:${port}/x.git`],
    ['at the cloud’s metadata', () => 'http://169.254.169.254/latest.git'],
  ]
  test.each(hosts)(
    'a second user tries to reach one %s, and to tell an open port from a closed one',
    async (_how, url) => {
      const [open, closed] = await Promise.all([
        imported(mallory, url(openPort)),
        imported(mallory, url(closedPort)),
      ])
      expect([open.status, open.text]).toEqual([400, closed.text])
      expect(connections).toEqual([])
    },
  )

  test('a second user tries to tell by names which hosts there are', async () => {
    const urls = [
      `https://${hostname()}:${openPort}/x.git`,
      `https://${hostname()}:${closedPort}/x.git`,
      'https://no-such-host.invalid/x.git',
      'ssh://git@no-such-host.invalid/x.git',
    ]
    const answers = await Promise.all(urls.map(url => imported(mallory, url)))
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    // Promised: not before ten seconds, whatever is there.
    for (const { seconds } of answers) expect(seconds).toBeGreaterThan(9.9)
    expect(connections).toEqual([])
  })
})

describe('host access that is gone', () => {
  const ended = async (repoId: string) => {
    const { runId } = await startRun(system, mallory, { repoId, prompt: 'write a.txt hello' })
    return waitForEnd(system, mallory, runId)
  }
  let repos: string[]
  beforeAll(async () => {
    expect((await admin('grant-host-access', mallory)).code).toBe(0)
    const urls = [makeRemote().path, `${web.origin}/${makeRemote().name}`]
    repos = await Promise.all(urls.map(remote_url => importRepository(system, mallory, { remote_url })))
  }, 60_000)

  test('with it, the second user’s run works', async () => {
    expect((await ended(repos[0] ?? '')).status).toBe('success')
  })

  test.each([
    ['a local repository', 0, 'host access'],
    ['a repository of a private host', 1, 'private networks'],
  ])('a user whose access was revoked tries a run on %s', async (_what, index, words) => {
    expect((await admin('revoke-host-access', mallory)).code).toBe(0)
    const run = await ended(repos[index] ?? '')
    expect([run.status, run.error]).toEqual(['failed', expect.stringContaining(words)])
  })

  test('a user whose access was revoked moves another repository of his to the machine', async () => {
    const path = `/api/repos/${repos[1]}`
    const json = { remote_url: makeRemote().path }
    const { status } = await send(system, 'PATCH', path, { as: { token: mallory.token }, json })
    expect(status).toBe(400)
    const { body } = await call<{ remote_url: string }>(system, 'GET', path, { as: { token: mallory.token } })
    expect(body.remote_url).toContain(web.origin)
  })
})
