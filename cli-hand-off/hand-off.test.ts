/** The listener's duties (identity spec 10), on real sockets. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { type HandOff, type HandOffOptions, startHandOff } from './hand-off.ts'
import { storeToken } from './store-token.ts'

const SERVER = 'https://mogplex.example'
const TOKEN = `mog_${'aB3'.repeat(10)}zz`
const USER = { id: 'u', email: 'ada@example.test' }

const begun: HandOff[] = []
afterEach(() => {
  for (const handOff of begun.splice(0)) handOff.close()
})

async function begin(options: Partial<HandOffOptions> = {}) {
  const handOff = await startHandOff({ serverUrl: SERVER, ...options })
  begun.push(handOff)
  const page = new URL(handOff.url)
  const callback = page.searchParams.get('callback') ?? ''
  const nonce = page.searchParams.get('nonce') ?? ''
  const good = { token: TOKEN, nonce, expiresAt: '2027-01-01T00:00:00.000Z', user: USER }
  const post = (body: unknown, headers: Record<string, string> = {}, method = 'POST', url = callback) =>
    fetch(url, {
      method,
      headers: { 'content-type': 'application/json', origin: SERVER, ...headers },
      ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
    })
  return { handOff, page, callback, nonce, good, post }
}
const isWaiting = async ({ token }: HandOff) =>
  (await Promise.race([
    token.then(
      () => 'over',
      () => 'over',
    ),
    Bun.sleep(20).then(() => 'waiting'),
  ])) === 'waiting'

test('it listens on the loopback address alone, on a port of its own, and asks for what the page understands', async () => {
  const { page, callback, nonce } = await begin({ name: 'my laptop' })
  expect(page.origin + page.pathname).toBe(`${SERVER}/cli-auth`)
  expect(page.searchParams.get('name')).toBe('my laptop')
  expect(callback).toMatch(/^http:\/\/127\.0\.0\.1:\d{4,5}\/callback$/)
  expect(nonce).toMatch(/^[A-Za-z0-9_-]{43}$/)
  const second = await begin()
  expect([second.callback, second.nonce]).not.toContain(callback)
  expect(second.nonce).not.toBe(nonce)
})

test('a delivery is taken once, and then nobody listens any more', async () => {
  const { handOff, good, post } = await begin()
  const response = await post(good)
  expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, SERVER])
  expect(await handOff.token).toEqual({ token: TOKEN, expiresAt: good.expiresAt, user: USER })
  await expect(post(good)).rejects.toThrow()
})

test('the browser’s question before is answered to the server’s page alone', async () => {
  const { callback } = await begin()
  const preflight = (origin: string) => fetch(callback, { method: 'OPTIONS', headers: { origin } })
  const { status, headers } = await preflight(SERVER)
  expect(status).toBe(204)
  expect(headers.get('access-control-allow-origin')).toBe(SERVER)
  expect(headers.get('access-control-allow-headers')).toBe('content-type')
  expect(headers.get('access-control-allow-private-network')).toBe('true')
  const foreign = await preflight('https://evil.test')
  expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null])
})

test('whatever is wrong is refused and it keeps waiting', async () => {
  const { handOff, nonce, good, post, callback } = await begin()
  const bad: unknown[] = [
    ...['', 'null', '[]', '{', '"mog_"', 'x'.repeat(20_000)],
    { ...good, nonce: `${nonce}x` },
    { ...good, nonce: nonce.slice(1) },
    { ...good, nonce: [nonce] },
    { ...good, token: 'mog_short' },
    { ...good, token: `${TOKEN}\n` },
    { ...good, token: undefined },
    { ...good, expiresAt: 'soon' },
    { ...good, expiresAt: undefined },
    { ...good, user: null },
    { error: 'access_denied', nonce: 'another' },
    { error: 'access_denied' },
  ]
  for (const body of bad) expect((await post(body)).status).toBe(400)
  expect((await post(good, { origin: 'https://evil.test' })).status).toBe(403)
  expect((await post(good, {}, 'GET')).status).toBe(405)
  expect((await post(good, {}, 'POST', `${callback}/x`)).status).toBe(404)
  expect((await post(good, {}, 'POST', `${callback}?x`)).status).toBe(404)
  expect(await isWaiting(handOff)).toBe(true)
  expect((await post(good)).status).toBe(200)
})

test('no garbage ends the wait', async () => {
  const { handOff, post } = await begin()
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' })), async body => {
      expect((await post(body)).status).toBe(400)
    }),
    { numRuns: 200 },
  )
  expect(await isWaiting(handOff)).toBe(true)
})

test('a cancelled request, the end of the time and giving up are told apart', async () => {
  const denied = await begin()
  expect((await denied.post({ error: 'access_denied', nonce: denied.nonce })).status).toBe(200)
  await expect(denied.handOff.token).rejects.toMatchObject({ name: 'HandOffError', reason: 'denied' })
  const late = await begin({ timeoutMs: 30 })
  await expect(late.handOff.token).rejects.toMatchObject({ reason: 'timed-out' })
  await expect(late.post(late.good)).rejects.toThrow()
  const closed = await begin()
  closed.handOff.close()
  await expect(closed.handOff.token).rejects.toMatchObject({ reason: 'closed' })
})

test('a token is stored where its owner alone can read it, also over an older file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mogplex-hand-off-'))
  const file = join(directory, 'deep/token.json')
  for (const email of ['a@b.test', null]) {
    await storeToken(file, { token: TOKEN, expiresAt: null, user: { id: 'u', email } })
    expect(await Bun.file(file).json()).toEqual({ token: TOKEN, expiresAt: null, user: { id: 'u', email } })
    expect([statSync(file).mode & 0o777, statSync(join(file, '..')).mode & 0o777]).toEqual([0o600, 0o700])
    // As if another program had written it.
    await Bun.$`chmod 644 ${file}`.quiet()
  }
  rmSync(directory, { recursive: true })
})
