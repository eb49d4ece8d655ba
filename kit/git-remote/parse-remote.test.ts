import { describe, expect, test } from 'bun:test'
import { ApiError } from '../errors.ts'
import { parseRemote } from './parse-remote.ts'

const parse = (text: string, allowHttp = false) => parseRemote(text, { allowHttp })

function refusal(text: string, allowHttp = false): string {
  try {
    parse(text, allowHttp)
  } catch (error) {
    if (error instanceof ApiError) return error.code
    throw error
  }
  return 'accepted'
}

describe('the address git is given', () => {
  test.each([
    ['https://example.com/team/app.git', 'https://example.com/team/app.git'],
    ['  https://EXAMPLE.com:443/Team/App  ', 'https://example.com/Team/App'],
    ['https://me@example.com:8443/app', 'https://me@example.com:8443/app'],
    ['https://example.com./a/b', 'https://example.com/a/b'],
    ['https://0x7f.1/a/b', 'https://127.0.0.1/a/b'],
    ['ssh://git@Example.com/team/app.git', 'ssh://git@example.com/team/app.git'],
    ['ssh://example.com:2222/~me/app', 'ssh://example.com:2222/~me/app'],
    ['ssh://2130706433/app', 'ssh://127.0.0.1/app'],
    ['ssh://git@[2001:db8:1:2:3:4:5:6]:2222/app', 'ssh://git@[2001:db8:1:2:3:4:5:6]:2222/app'],
    ['git@Example.com:team/app.git', 'git@example.com:team/app.git'],
    ['/srv/git/demo.git', 'file:///srv/git/demo.git'],
    ['/srv/git/100%', 'file:///srv/git/100%25'],
    ['file:///srv/git/a%20b', 'file:///srv/git/a b'],
  ])('%p is %p', (written, url) => expect(parse(written).url).toBe(url))

  test('http is taken only where it is allowed', () => {
    expect(refusal('http://example.com/a/b')).toBe('INVALID_REMOTE')
    expect(parse('http://example.com/a/b', true).url).toBe('http://example.com/a/b')
  })
})

describe('refused', () => {
  test.each([
    'example.com/team/app',
    'example.com:team/app',
    'relative/path',
    'git://example.com/a/b',
    'ext::sh -c touch% /tmp/x',
    'git@host:a::b',
    'ftp://example.com/a',
    'ssh://git:password@example.com/a/b',
    'ssh://-oProxyCommand=touch/a/b',
    'ssh://%2doProxyCommand@host/a',
    'ssh://-o@host/a',
    'ssh://host:99999/a',
    "ssh://a;touch$IFS'x'/b",
    'ssh://a,b/c',
    'git@-host:a',
    'git@host:-a',
    'git@a$(id):b',
    'https://user:password@example.com/a',
    'https://user:@example.com/a',
    'https://:password@example.com/a',
    'https://example.com/a?x=1',
    'https://example.com/a#b',
    'https://example.com',
    'https://example.com//',
    'https://exa mple.com/a',
    'https://example.com\\@evil.example/a',
    'https://exa\tmple.com/a',
    'https://a,b/c',
    '-https://example.com/a',
    '--upload-pack=touch',
    'file://host/a',
    'file://relative',
    'file:///a%00b',
    'file:///a%zz',
    '/srv/git/a\nb',
    '/srv/git/a?b',
    `https://example.com/${'a'.repeat(2_000)}`,
  ])('%p', text => expect(refusal(text, true)).toBe('INVALID_REMOTE'))
})
