import { expect, test } from 'bun:test'
import { parseRemote } from '@mogplex/kit/git-remote/parse-remote.ts'
import { defaultFullName, isSameHost, remoteKey } from './remote-identity.ts'

const parse = (text: string, allowHttp = false) => parseRemote(text, { allowHttp })

test.each([
  ['https://example.com/a/b', 'https://Example.com:443/a/b.git/', true],
  ['https://example.com/a/b', 'https://example.com/a/b.git', true],
  ['https://example.com/a/b', 'https://example.com/a/B', false],
  ['git@example.com:a/b', 'git@EXAMPLE.com:a/b.git', true],
  ['/srv/git/a', 'file:///srv/git/a', true],
  ['/srv/git/a', '/srv/git/a.git', false],
])('%p and %p are one repository: %p', (one, other, isSame) =>
  expect(remoteKey(parse(one)) === remoteKey(parse(other))).toBe(isSame),
)

test.each([
  ['https://example.com/a/b', 'https://EXAMPLE.com/c/d', true],
  ['https://example.com/a/b', 'https://example.com:8443/a/b', false],
  ['https://example.com/a/b', 'http://example.com/a/b', false],
  ['https://example.com/a/b', 'https://example.org/a/b', false],
  ['https://example.com/a/b', '/srv/git/a', false],
  ['git@example.com:a/b', 'ssh://other@example.com/c', true],
])('a secret for %p may go to %p: %p', (one, other, isSame) =>
  expect(isSameHost(parse(one, true), parse(other, true))).toBe(isSame),
)

test.each([
  ['https://example.com/group/team/app.git', 'team/app'],
  ['https://example.com/app.git/', 'example.com/app'],
  ['git@example.com:team/my app.git', 'team/my-app'],
  ['ssh://git@example.com/~me/app', '-me/app'],
  ['git@example.com:app', 'example.com/app'],
  ['git@example.com:../app', '--/app'],
  ['/srv/git/demo.git', 'local/demo'],
  ['/srv/git/demo/.git', 'local/demo'],
  ['/srv/git/ünïcode', 'local/-n-code'],
  [`/srv/${'a'.repeat(150)}`, `local/${'a'.repeat(100)}`],
])('%p is called %p', (text, name) => expect(defaultFullName(parse(text))).toBe(name))
