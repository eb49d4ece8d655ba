import { afterAll, beforeAll, expect, test } from 'bun:test'
import { useGitHttpServer } from '../test-bench/git-http-server.ts'
import { makeBareRepository, useDirectory } from '../test-bench/git-repositories.ts'
import { byToken, newUser, startProjects } from '../test-bench/service.ts'

const root = useDirectory()
const credential = { username: 'me', token: 's3cret-token' }
const guarded = useGitHttpServer(root, credential)
const bare = makeBareRepository(root, 'demo.git')

let projects: Awaited<ReturnType<typeof startProjects>>
beforeAll(async () => {
  projects = await startProjects({ LOCAL_GIT_ROOTS: root })
})
afterAll(() => projects.stop())

test('hosts of the own network are refused unless the instance allows them, in every spelling', async () => {
  const strict = await projects.startReplica({ GIT_ALLOW_PRIVATE_HOSTS: 'false' })
  const { port } = new URL(guarded.url)
  const hosts = [
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    'localhost',
    'LOCALHOST.',
    'x.localhost',
    '0.0.0.0',
    '169.254.169.254',
    '10.0.0.1',
    '100.64.0.1',
    '[0:0:0:0:0:0:0:1]',
    '[0:0:0:0:0:ffff:7f00:1]',
    '[fd00:ec2:0:0:0:0:0:254]',
  ]
  const before = guarded.authorizations.length
  for (const host of hosts) {
    for (const remote_url of [
      `http://${host}:${port}/demo.git`,
      `https://${host}/demo.git`,
      `ssh://git@${host}/demo.git`,
      `git@${host}:demo.git`,
    ]) {
      const answer = await strict.call(newUser(), 'POST', '/api/repos', { provider: 'git', remote_url })
      expect({ remote_url, code: answer.body.code }).toEqual({ remote_url, code: 'INVALID_REMOTE' })
    }
  }
  expect(guarded.authorizations.length).toBe(before)
})

test('plain http is refused unless the instance allows it', async () => {
  const strict = await projects.startReplica({ GIT_ALLOW_HTTP: 'false' })
  const body = { provider: 'git', remote_url: `${guarded.url}/demo.git`, credential }
  expect((await strict.call(newUser(), 'POST', '/api/repos', body)).body.code).toBe('INVALID_REMOTE')
})

test('without an encryption key only what needs a secret is 503', async () => {
  const keyless = await projects.startReplica({ SECRETS_ENCRYPTION_KEY: '' })
  const user = newUser()
  const body = { provider: 'git', remote_url: bare }
  const withEnv = { ...body, sandbox_env_vars: { A: 'b' } }
  expect((await keyless.call(user, 'POST', '/api/repos', withEnv)).status).toBe(503)
  expect((await keyless.call(user, 'POST', '/api/repos', body)).status).toBe(200)
  expect((await keyless.call(user, 'GET', '/api/repos')).status).toBe(200)

  const made = await projects.call(user, 'POST', '/api/repos', { ...withEnv, root_directory: 'x' })
  const path = `/api/repos/${made.body.id}`
  expect((await keyless.call(user, 'GET', path)).status).toBe(503)
  expect((await keyless.call(byToken(user), 'GET', path)).status).toBe(200)
  expect((await keyless.call(user, 'PATCH', path, { is_favorite: true })).status).toBe(503)
  expect((await projects.call(user, 'GET', path)).body.is_favorite).toBe(false)
  expect((await keyless.call(user, 'PATCH', path, { sandbox_env_vars: {} })).status).toBe(200)
})

test('without LOCAL_GIT_ROOTS no path is taken; a wrong one stops the start', async () => {
  const none = await projects.startReplica({ LOCAL_GIT_ROOTS: '' })
  const body = { provider: 'git', remote_url: bare }
  expect((await none.call(newUser(), 'POST', '/api/repos', body)).body.code).toBe('INVALID_REMOTE')
  await expect(projects.startReplica({ LOCAL_GIT_ROOTS: `${root}:relative` })).rejects.toThrow(
    'LOCAL_GIT_ROOTS',
  )
})
