import { afterAll, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import { createLog } from '@mogplex/kit/log.ts'
import { startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import { nextGithubId } from '@mogplex/kit/test-bench/github-world.ts'
import { decodeJwt, jwtVerify } from 'jose'
import { createGithubClient } from '../client/client.ts'
import { createAppJwt } from './app-jwt.ts'
import { createInstallationTokens } from './installation-tokens.ts'
import { parsePrivateKey } from './private-key.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const pem = (type: 'pkcs1' | 'pkcs8') => privateKey.export({ type, format: 'pem' }).toString()
const github = startTestGithub()
afterAll(() => github.stop())
const { world } = github
const { GITHUB_APP_ID: id, GITHUB_APP_PRIVATE_KEY } = world.appSettings

/** Tokens of an App whose clock is `clock`, with what was lost in `lost`. */
function startTokens() {
  const clock = { ms: Date.now() }
  const lost: [number, string][] = []
  const log = createLog({ process: 'test', level: 'silent' })
  const client = createGithubClient({ apiUrl: github.settings.GITHUB_API_URL, log })
  const jwt = createAppJwt({ id, key: parsePrivateKey(GITHUB_APP_PRIVATE_KEY) })
  const { tokenFor } = createInstallationTokens({
    client,
    asApp: async () => ({ token: await jwt(), name: 'app' }),
    whenLost: async (installationId, how) => void lost.push([installationId, how]),
    now: () => clock.ms,
  })
  return { tokenFor, clock, lost }
}

function install(fields: { suspended_at?: string } = {}) {
  const account = { id: nextGithubId(), login: `owner-${nextGithubId()}`, type: 'User' }
  const repo = { id: nextGithubId(), full_name: `${account.login}/one` }
  const installation = { id: nextGithubId(), account, repos: [repo], ...fields }
  world.installations.set(installation.id, installation)
  return { installation, repo }
}

test.each(['pkcs1', 'pkcs8'] as const)(
  'a %s key is read with real and with written line ends',
  async type => {
    for (const text of [pem(type), pem(type).replaceAll('\n', '\\n'), pem(type).trim()]) {
      const jwt = await createAppJwt({ id: '42', key: parsePrivateKey(text) })()
      expect((await jwtVerify(jwt, publicKey)).protectedHeader.alg).toBe('RS256')
    }
  },
)

test('what is no RSA key is refused without being quoted', () => {
  const { privateKey: other } = generateKeyPairSync('ed25519')
  const texts = ['s3cret', other.export({ type: 'pkcs8', format: 'pem' }).toString()]
  for (const text of texts) expect(() => parsePrivateKey(text)).toThrow(/^is not a/)
})

test('the App proves itself for nine minutes from a minute ago, and anew before that is over', async () => {
  const clock = { ms: 1_000_000_000_000 }
  const jwt = createAppJwt({ id: '42', key: privateKey }, () => clock.ms)
  const first = await jwt()
  expect(decodeJwt(first)).toEqual({ iss: '42', iat: 1_000_000_000 - 60, exp: 1_000_000_000 + 540 })
  clock.ms += 479_000
  expect(await jwt()).toBe(first)
  clock.ms += 1_000
  expect(decodeJwt(await jwt()).exp).toBe(1_000_000_480 + 540)
})

test('many who want a token at once share one, until five minutes before its end', async () => {
  const { tokenFor, clock } = startTokens()
  const { installation } = install()
  const tokens = await Promise.all([1, 2, 3].map(() => tokenFor(installation.id)))
  expect(new Set(tokens.map(({ token }) => token)).size).toBe(1)
  clock.ms += 54 * 60_000
  expect(await tokenFor(installation.id)).toEqual(tokens[0] ?? expect.anything())
  clock.ms += 2 * 60_000
  const next = await tokenFor(installation.id)
  expect(next.token).not.toBe(tokens[0]?.token)
})

test('a token for one repository is good for that one alone', async () => {
  const { tokenFor } = startTokens()
  const { installation, repo } = install()
  const [narrow, wide] = await Promise.all([tokenFor(installation.id, repo.id), tokenFor(installation.id)])
  expect(world.given.get(narrow.token)).toEqual({ installationId: installation.id, repositoryIds: [repo.id] })
  expect(world.given.get(wide.token)?.repositoryIds).toBeNull()
})

test('an installation that is gone or suspended is told of, and gives no token', async () => {
  const { tokenFor, lost } = startTokens()
  const { installation } = install({ suspended_at: '2026-01-01T00:00:00Z' })
  const unknown = nextGithubId()
  expect(tokenFor(installation.id)).rejects.toMatchObject({ refusal: 'GITHUB_FORBIDDEN' })
  expect(tokenFor(unknown)).rejects.toMatchObject({ refusal: 'NOT_FOUND' })
  await Promise.allSettled([tokenFor(installation.id), tokenFor(unknown)])
  expect(lost).toEqual(
    expect.arrayContaining([
      [installation.id, 'suspended'],
      [unknown, 'deleted'],
    ]),
  )
})

test('tokens of an installation that is gone are not given out any more, those of others are', async () => {
  const { tokenFor } = startTokens()
  const [{ installation: gone, repo }, { installation: other }] = [install(), install()]
  const known = await tokenFor(other.id)
  await tokenFor(gone.id, repo.id)
  world.installations.delete(gone.id)
  await expect(tokenFor(gone.id)).rejects.toThrow()
  await expect(tokenFor(gone.id, repo.id)).rejects.toMatchObject({ refusal: 'NOT_FOUND' })
  expect(await tokenFor(other.id)).toEqual(known)
})

test('a mint that GitHub fails at is tried again', async () => {
  const { tokenFor } = startTokens()
  const { installation } = install()
  const path = `/app/installations/${installation.id}/access_tokens`
  github.broken.set(path, () => {
    github.broken.delete(path)
    return Response.json({}, { status: 502 })
  })
  expect((await tokenFor(installation.id)).token).toStartWith('ghs_')
})

test('a failed mint is not remembered', async () => {
  const { tokenFor } = startTokens()
  const { installation } = install()
  world.installations.delete(installation.id)
  await expect(tokenFor(installation.id)).rejects.toThrow()
  world.installations.set(installation.id, installation)
  expect((await tokenFor(installation.id)).token).toStartWith('ghs_')
})
