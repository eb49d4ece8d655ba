import { describe, expect, test } from 'bun:test'
import { STDERR_TAIL } from '../host-git/run-git.ts'
import { isPassing, type RemoteFailureKind, readRemoteFailure } from './failure-kind.ts'

const at = (reason: string) => `fatal: unable to access 'https://host.test/a.git/': ${reason}`
const returned = (status: number) => at(`The requested URL returned error: ${status}`)

/** What git 2.39 says, and what that is. */
const SAID: [RemoteFailureKind | null, string][] = [
  ['throttled', returned(429)],
  ['unavailable', returned(502)],
  ['unavailable', returned(503)],
  ['unavailable', returned(504)],
  ['unavailable', 'error: RPC failed; HTTP 503 curl 22 The requested URL returned error: 503'],
  ['unreachable', 'error: RPC failed; curl 56 Recv failure: Connection reset by peer'],
  ['unreachable', 'error: RPC failed; curl 92 HTTP/2 stream 0 was not closed cleanly: CANCEL (err 8)'],
  ['unreachable', 'error: RPC failed; curl 18 transfer closed with outstanding read data remaining'],
  ['unreachable', at('Could not resolve host: host.test')],
  ['unreachable', at("Failed to connect to host.test port 443 after 0 ms: Couldn't connect to server")],
  ['unreachable', at('Recv failure: Connection reset by peer')],
  ['unreachable', at('Empty reply from server')],
  ['unreachable', at('transfer closed with 166 bytes remaining to read')],
  ['unreachable', at('gnutls_handshake() failed: The TLS connection was non-properly terminated.')],
  ['unreachable', at('OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to host.test:443')],
  ['unreachable', at('OpenSSL SSL_connect: Connection reset by peer in connection to host.test:443')],
  ['unreachable', 'fatal: early EOF\nfatal: fetch-pack: invalid index-pack output'],
  ['unreachable', 'error: 60 bytes of body are still expected\nfatal: expected flush after ref listing'],
  ['unreachable', "fatal: expected 'packfile'"],
  ['unreachable', 'fatal: the remote end hung up unexpectedly'],
  ['unreachable', 'ssh: connect to host host.test port 22: Connection refused\r'],
  ['unreachable', 'ssh: Could not resolve hostname host.test: Name or service not known\r'],
  ['unreachable', 'kex_exchange_identification: read: Connection reset by peer'],
  ['untrusted-tls', at('server certificate verification failed. CAfile: none CRLfile: none')],
  ['untrusted-tls', at('SSL certificate problem: self-signed certificate')],
  ['untrusted-tls', at('gnutls_handshake() failed: An unexpected TLS packet was received.')],
  ['refuses-access', returned(403)],
  ['refuses-access', "fatal: Authentication failed for 'https://host.test/a.git/'"],
  ['refuses-access', 'git@host.test: Permission denied (publickey).\r'],
  [
    'asks-for-credential',
    "fatal: could not read Username for 'https://host.test': terminal prompts disabled",
  ],
  ['missing', "fatal: repository 'https://host.test/a.git/' not found"],
  ['missing', "fatal: '/srv/a.git' does not appear to be a git repository"],
  ['too-large', 'error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413'],
  ['redirects', returned(302)],
  ['http-error', returned(500)],
  ['not-git', 'fatal: https://host.test/a.git/info/refs not valid: is this a git repository?'],
  ['not-git', 'fatal: protocol error: bad line length character: <htm'],
  ['unknown-host-key', 'Host key verification failed.\r'],
  ['sha256', 'fatal: mismatched algorithms: client sha1; server sha256'],
  ['shallow', 'warning: rejected refs/x because shallow roots are not allowed to be updated'],
  ['damaged', 'fatal: git upload-pack: aborting due to possible repository corruption on the remote side.'],
  [null, "error: failed to push some refs to 'https://host.test/a.git'"],
]

test.each(SAID)('%s is read from %p', (kind, stderr) => {
  expect(readRemoteFailure({ stderr }).kind).toBe(kind)
})

test('only what may be gone in a minute is passing', () => {
  const kinds = new Set(SAID.map(([kind]) => kind).filter(isPassing))
  expect([...kinds].sort()).toEqual(['throttled', 'unavailable', 'unreachable'])
})

/** Whatever a hook or server says, and whatever stands in an address. */
const LIES = SAID.map(([, said]) => said.split('\n')[0] ?? '')

describe('a lie of the remote changes nothing', () => {
  test.each(LIES)('in its own words: %p', said => {
    const stderr = `remote: ${said}\rremote: ${said}\nERROR: ${said}\nerror: failed to push some refs to 'x'\n`
    expect(readRemoteFailure({ stderr })).toMatchObject({ kind: null, status: null })
    const stdout = 'To x\n!\tHEAD:refs/heads/x\t[remote rejected] (pre-receive hook declined)\nDone\n'
    expect(readRemoteFailure({ stdout, stderr: `${stderr}${returned(503)}` })).toMatchObject({
      kind: 'rejected',
      rejection: 'pre-receive hook declined',
    })
  })

  test('by so many words that the end begins in the midst of a line', () => {
    const stderr = `${'x'.repeat(20_000)}${returned(503)}\nfatal: early EOF\n`.slice(-STDERR_TAIL)
    expect(readRemoteFailure({ stderr }).kind).toBe('unreachable')
    const lie = `${returned(404)}\n`.padEnd(STDERR_TAIL, ' ')
    expect(readRemoteFailure({ stderr: lie })).toMatchObject({ kind: null, status: null })
  })

  test('nor does an address that holds such words', () => {
    const stderr =
      "fatal: unable to access 'https://host.test/not found: Authentication failed: 404/': Empty reply from server"
    expect(readRemoteFailure({ stderr })).toMatchObject({ kind: 'unreachable', status: null })
  })
})

test.each([
  ['moved', '[rejected] (fetch first)'],
  ['moved', '[rejected] (non-fast-forward)'],
  ['moved', '[rejected] (stale info)'],
  ['moved', "[remote rejected] (cannot lock ref 'refs/heads/x': is at 0123456789 but expected 9876543210)"],
  ['rejected', '[remote rejected] (protected branch hook declined)'],
  ['unreachable', '[remote failure] (remote failed to report status)'],
] as const)('a push is %s by %p', (kind, summary) => {
  const stdout = `To x\n!\tHEAD:refs/heads/x\t${summary}\nDone\n`
  expect(readRemoteFailure({ stdout, stderr: '' }).kind).toBe(kind)
})
