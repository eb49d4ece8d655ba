/** Another user of the machine, against an instance that runs: nothing is theirs to read, to enter or to take over. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { socketPath } from '@mogplex/kit/http/service-address.ts'
import { makeCertificate } from '@mogplex/kit/nats-server/certificate.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { ProgramName } from '@mogplex/local/processes.ts'
import { createUser, fromSeed } from '@nats-io/nkeys'
import { type Account, OPEN_DOORS, send, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { GIT_ROOT, makeRepository } from '../system/repositories.ts'
import { startRun, waitForEnd } from '../system/runs.ts'
import { instanceSecrets, secretsIn } from '../system/traces.ts'
import { asNeighbour, isAnother, knockAt, nodeAsNeighbour } from './neighbours/neighbour.ts'
import { openRawNats } from './neighbours/raw-nats.ts'

setDefaultTimeout(120_000)

const PARTS: ProgramName[] = ['postgres', 'nats', 'identity', 'projects', 'runtime', 'gateway']
const THIEF = readFileSync(join(import.meta.dir, 'neighbours/port-thief.mjs'), 'utf8')

let system: System
let account: Account
beforeAll(async () => {
  system = await startSystem({
    env: { ...OPEN_DOORS, ENABLE_ECHO_HARNESS: 'true', LOCAL_GIT_ROOTS: GIT_ROOT },
  })
  account = await signUpWithToken(system)
})
afterAll(() => system.stop())

const addressOf = (name: ProgramName) => system.state().processes[name]?.address ?? ''
const pidOf = (name: ProgramName) => system.state().processes[name]?.pid ?? 0
const natsPort = () => Number(new URL(addressOf('nats')).port)
const natsSeed = (name: string): string =>
  JSON.parse(readFileSync(join(system.home, 'keys.json'), 'utf8')).natsSeeds[name]
const DENIED = /Permission denied|EACCES|Operation not permitted/

test.if(isAnother).each(['postgres', 'identity', 'projects', 'runtime'] as const)(
  'a neighbour tries to connect to the socket of %s',
  async name => {
    const path = socketPath(addressOf(name)) ?? ''
    expect(path).toStartWith(system.home)
    expect(await knockAt(path)).toBe('EACCES')
  },
)

test.if(isAnother).each([
  ['the home', ''],
  ['the keys', 'keys.json'],
  ['the state, which has the database login', 'state.json'],
  ['the lock', 'lock'],
  ['the key of the NATS certificate', 'nats/key.pem'],
  ['the files of Postgres', 'postgres/data'],
  ['the logs', 'logs/gateway.log'],
  ['the sockets', 'sockets'],
  ['the sandboxes', 'runtime'],
])('a neighbour tries to read %s', async (_, path) => {
  const { code, output } = await asNeighbour('cat', join(system.home, path))
  expect([code, output]).toEqual([1, expect.stringMatching(DENIED)])
  const listed = await asNeighbour('ls', '-la', join(system.home, path))
  expect([listed.code !== 0, listed.output]).toEqual([true, expect.stringMatching(DENIED)])
})

test.if(isAnother).each(PARTS)(
  'a neighbour tries to read the environment and the memory of %s',
  async name => {
    for (const file of ['environ', 'mem', 'maps', 'fd', 'cwd/keys.json']) {
      const { code, output } = await asNeighbour('head', '-c', '100', `/proc/${pidOf(name)}/${file}`)
      expect([file, code, output]).toEqual([file, 1, expect.stringMatching(DENIED)])
    }
  },
)

test.each(PARTS)('a neighbour tries to find a secret among the arguments of %s', async name => {
  const { code, output } = await asNeighbour('cat', `/proc/${pidOf(name)}/cmdline`)
  expect(code).toBe(0)
  expect(output.length).toBeGreaterThan(10)
  expect(secretsIn(output, instanceSecrets(system), name)).toEqual([])
})

test('a neighbour looks for a part to meet on the network: there are the gateway and NATS, on loopback', () => {
  const listening = ['tcp', 'tcp6'].flatMap(table =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map(line => line.trim().split(/\s+/))
      .filter(fields => fields[3] === '0A')
      .map(fields => ({ local: fields[1] ?? '', inode: fields[9] ?? '' })),
  )
  const found = PARTS.flatMap(name => {
    const directory = `/proc/${pidOf(name)}/fd`
    const inodes = new Set(
      readdirSync(directory).map(fd => /socket:\[(\d+)\]/.exec(linkOf(`${directory}/${fd}`))?.[1] ?? ''),
    )
    return listening.filter(({ inode }) => inodes.has(inode)).map(({ local }) => `${name} ${local}`)
  })
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')
  expect(found).toEqual([`nats 0100007F:${hex(natsPort())}`, `gateway 0100007F:${hex(system.port)}`])
})

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

const connectLine = (fields: Record<string, unknown>) =>
  `CONNECT ${JSON.stringify({ verbose: false, pedantic: false, lang: 'x', version: '1', protocol: 1, ...fields })}`
const sign = (seed: string, nonce: string) =>
  Buffer.from(fromSeed(Buffer.from(seed)).sign(Buffer.from(nonce))).toString('base64url')
const publicKey = (seed: string) => fromSeed(Buffer.from(seed)).getPublicKey()

test.each<[string, (nonce: string) => Record<string, unknown>]>([
  ['without a login', () => ({})],
  ['with a name and a password, as older versions had them', () => ({ user: 'identity', pass: 'identity' })],
  ['with a token', () => ({ auth_token: 'token' })],
  [
    'with a key of their own',
    nonce => {
      const seed = Buffer.from(createUser().getSeed()).toString()
      return { nkey: publicKey(seed), sig: sign(seed, nonce) }
    },
  ],
  ['with the public key of identity, unsigned', () => ({ nkey: publicKey(natsSeed('identity')) })],
  [
    'with the public key of identity, signed with another',
    nonce => ({ nkey: publicKey(natsSeed('identity')), sig: sign(natsSeed('runtime'), nonce) }),
  ],
  [
    'with a signature of identity’s that is of another greeting',
    () => ({ nkey: publicKey(natsSeed('identity')), sig: sign(natsSeed('identity'), 'AAAAAAAAAAAAAAAA') }),
  ],
  ['as the system account', () => ({ user: 'sys', pass: 'sys' })],
])('a neighbour tries to log in to NATS %s', async (_, fields) => {
  const nats = await openRawNats(natsPort())
  expect(await nats.say(connectLine(fields(nats.nonce)), 'SUB > 1', 'PING')).toContain(
    'Authorization Violation',
  )
  nats.close()
})

test('a neighbour tries to speak to NATS in the open', async () => {
  const nats = await openRawNats(natsPort(), { isOpen: true })
  const seed = natsSeed('identity')
  const line = connectLine({ nkey: publicKey(seed), sig: sign(seed, nats.nonce) })
  expect(await nats.say(line, 'PING')).not.toContain('PONG')
})

test('the same by the book is let in: the refusals were for what they say', async () => {
  const nats = await openRawNats(natsPort())
  const seed = natsSeed('identity')
  const line = connectLine({ nkey: publicKey(seed), sig: sign(seed, nats.nonce) })
  expect(await nats.say(line, 'PING')).toContain('PONG')
  nats.close()
})

interface Visit {
  play: string
  /** What was sent in the open, or as TLS that the thief could not follow. */
  sent: string
  decrypted: string
}
const PLAYS = [...THIEF.matchAll(/^ {2}(?:'([^']+)'|(\w+)): \{/gm)].map(
  ([, quoted, word]) => quoted ?? word ?? '',
)
const visits: Visit[] = []
const during: number[] = []

/** `kill -9` of NATS, and its port is a neighbour's until everybody has come to each play. */
async function takeNatsPort(): Promise<void> {
  const { certificate, key } = makeCertificate()
  const recorded = await recordGreeting()
  const base64 = [certificate, key, recorded].map(text => Buffer.from(text).toString('base64'))
  const thief = nodeAsNeighbour(THIEF, String(natsPort()), ...base64)
  let text = ''
  void (async () => {
    for await (const bytes of thief.stdout) text += Buffer.from(bytes).toString()
  })()
  await waitUntil(() => text.includes('isTrying'), { limitMs: 30_000 })
  await system.kill('nats')
  const read = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))
  const isDone = () => PLAYS.every(play => read().filter(visit => visit.play === play).length >= 5)
  const areAllTried = await waitUntil(isDone, { limitMs: 60_000 })
  during.push((await send(system, 'GET', '/api/repos', { as: account })).status)
  thief.kill('SIGKILL')
  await thief.exited
  if (!areAllTried) throw new Error(`not everybody came: ${text.slice(0, 2_000)}`)
  visits.push(...read().filter(entry => 'play' in entry))
}

async function recordGreeting(): Promise<string> {
  const nats = await openRawNats(natsPort(), { isOpen: true })
  nats.close()
  return `INFO ${JSON.stringify({ server_id: 'x', version: '2.9.10', proto: 1, tls_required: true, auth_required: true, nonce: nats.nonce, max_payload: 1e6 })}\r\n`
}

let taken: Promise<void> | null = null
test.each(PLAYS)('a neighbour takes the port of a NATS that was killed, and plays: %s', async play => {
  taken ??= takeNatsPort()
  await taken
  const seen = visits.filter(visit => visit.play === play)
  expect(seen.length).toBeGreaterThan(0)
  for (const { sent, decrypted } of seen) {
    const bytes = Buffer.from(sent, 'base64')
    // A first word of TLS names the server and nothing else.
    expect(bytes.length === 0 || bytes[0] === 0x16).toBe(true)
    expect(bytes.toString('latin1')).not.toMatch(/CONNECT|PUB|sig|nkey|evt\.|rpc\.|live\./)
    expect(decrypted).toBe('')
    expect(secretsIn(bytes, instanceSecrets(system), play)).toEqual([])
  }
})

test('meanwhile people are served, and afterwards NATS and runs work', async () => {
  expect(during).toEqual([200])
  await system.ready()
  const { repoId } = await makeRepository(system, account)
  const { runId } = await startRun(system, account, { repoId, prompt: 'say hello' })
  expect((await waitForEnd(system, account, runId)).status).toBe('success')
  const nats = await openRawNats(natsPort())
  const seed = natsSeed('launcher')
  const line = connectLine({ nkey: publicKey(seed), sig: sign(seed, nats.nonce) })
  expect(await nats.say(line, 'PING')).toContain('PONG')
  nats.close()
})
