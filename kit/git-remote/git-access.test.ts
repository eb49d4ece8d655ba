import { describe, expect, test } from 'bun:test'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import { gitAccess } from './git-access.ts'
import { parseRemote } from './parse-remote.ts'

const none: RemoteAuth = { kind: 'none' }
const files = { keyFile: null, knownHostsFile: '/data/known hosts' }
const access = (url: string, addresses: string[] | null, auth: RemoteAuth = none, more = {}) =>
  gitAccess({ remote: parseRemote(url, { allowHttp: true }), addresses }, auth, { ...files, ...more })

describe('http', () => {
  test('redirects are never followed, and addresses are pinned for host and port', () => {
    const { settings, environment } = access('https://example.com/a/b', ['1.1.1.1', '2606:4700::1111'])
    expect(Object.fromEntries(settings)).toEqual({
      'http.followRedirects': 'false',
      'http.proxy': '',
      'http.curloptResolve': 'example.com:443:1.1.1.1,[2606:4700::1111]',
    })
    expect(environment.GIT_ALLOW_PROTOCOL).toBe('https')
  })

  test('without vetted addresses only redirects are off; an address needs no pin', () => {
    const free = access('http://example.com:8080/a', null).settings
    expect(Object.fromEntries(free)).toEqual({ 'http.followRedirects': 'false' })
    const literal = access('https://1.1.1.1/a', ['1.1.1.1']).settings
    expect(literal.map(([key]) => key)).not.toContain('http.curloptResolve')
  })
})

describe('a token', () => {
  const auth: RemoteAuth = { kind: 'basic', username: 'me@team', token: '$(id)%41' }
  const { url, environment } = access('https://other@example.com:8443/a', null, auth)
  const ask = (prompt: string) => {
    const answer = Bun.spawnSync([environment.GIT_ASKPASS ?? '', prompt], { env: environment })
    return answer.exitCode === 0 ? answer.stdout.toString() : null
  }

  test('is in no address, and told to its own origin only', () => {
    expect(url).toBe('https://example.com:8443/a')
    expect(ask("Username for 'https://example.com:8443': ")).toBe('me@team\n')
    expect(ask("Password for 'https://me%40team@example.com:8443': ")).toBe('$(id)%41\n')
  })

  test.each([
    "Username for 'https://example.com': ",
    "Username for 'http://example.com:8443': ",
    "Password for 'https://me@thief.example': ",
    "Password for 'https://me@example.com:8443.thief.example': ",
    'Password: ',
  ])('is not told for %p', prompt => expect(ask(prompt)).toBeNull())
})

describe('ssh', () => {
  test('gets the first vetted address, and the name to recognise the host by', () => {
    const command = access('git@example.com:a/b', ['1.1.1.1', '1.0.0.1']).environment.GIT_SSH_COMMAND
    expect(command).toContain("-o 'HostName=1.1.1.1' -o 'HostKeyAlias=example.com'")
    expect(command).toContain("-o 'PubkeyAuthentication=no'")
    expect(command).toContain(`-o 'UserKnownHostsFile="/data/known hosts"'`)
    expect(command).not.toContain('IdentityFile')
  })

  test('a host on another port is another host', () => {
    const command = access('ssh://example.com:2222/a', ['1.1.1.1']).environment.GIT_SSH_COMMAND
    expect(command).toContain("-o 'HostKeyAlias=[example.com]:2222'")
  })

  test('a path that holds quotes and percent signs stays one path', () => {
    const { environment } = access('git@example.com:a', null, none, { keyFile: "/a'b/100%/key" })
    expect(environment.GIT_SSH_COMMAND).toContain(`-o 'IdentityFile="/a'\\''b/100%%/key"'`)
    expect(environment.GIT_SSH_COMMAND).not.toContain('HostName')
  })
})

test('a local repository gets its protocol and nothing else', () => {
  expect(access('/srv/git/a', null)).toEqual({
    url: 'file:///srv/git/a',
    settings: [],
    environment: { GIT_ALLOW_PROTOCOL: 'file' },
  })
})
