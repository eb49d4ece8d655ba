import { afterAll, expect, test } from 'bun:test'
import { createLog } from '@mogplex/kit/log.ts'
import { Type } from '@sinclair/typebox'
import { createGithubClient, path } from './client.ts'
import { GithubError } from './github-error.ts'
import { askedToWait } from './rate-limits.ts'
import { scrub } from './scrub.ts'

const PACE = { limitMs: 2_000, retryDelaysMs: [1, 1], patienceMs: 50 }
const TOKEN = 'gho_0123456789abcdef'
const Body = Type.Object({ id: Type.Integer() })

type Answer = (request: Request) => Response | Promise<Response>

/** A server that answers one thing after the other, the last again and again. */
function stage(...answers: Answer[]) {
  const seen: { path: string; headers: Record<string, string> }[] = []
  const server = Bun.serve({
    ...{ port: 0, hostname: '127.0.0.1' },
    fetch: request => {
      const answer = answers[Math.min(seen.length, answers.length - 1)]
      seen.push({ path: new URL(request.url).pathname, headers: Object.fromEntries(request.headers) })
      return answer?.(request) ?? new Response()
    },
  })
  afterAll(() => server.stop(true))
  const apiUrl = `http://127.0.0.1:${server.port}`
  const log = createLog({ process: 'test', level: 'silent' })
  const client = createGithubClient({ apiUrl, log, pace: PACE })
  const call = (name = 'user:1', method: 'GET' | 'POST' = 'GET') =>
    client
      .call({ method, path: '/thing', credential: { token: TOKEN, name }, schema: Body })
      .catch((error: unknown) => error)
  return { seen, call, apiUrl, stop: () => server.stop(true) }
}

const good = () => Response.json({ id: 1, more: true })
const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  () =>
    Response.json({ message: `no, ${TOKEN}` }, { status: code, headers })
const refusal = (error: unknown) =>
  error instanceof GithubError ? [error.refusal, error.status, error.retryAfterSeconds] : error

test('a call says what it accepts, which version it speaks, and who calls', async () => {
  const { seen, call } = stage(good)
  expect(await call()).toEqual({ id: 1, more: true })
  expect(seen[0]?.headers).toMatchObject({
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${TOKEN}`,
    'x-github-api-version': '2022-11-28',
    'user-agent': expect.stringMatching(/./),
  })
})

test('parts of a path cannot leave it', () => {
  expect(path`/orgs/${'a/../b?c'}/installation`).toBe('/orgs/a%2F..%2Fb%3Fc/installation')
  expect(path`/orgs/${'.github'}/installation`).toBe('/orgs/.github/installation')
  for (const login of ['.', '..']) expect(() => path`/orgs/${login}/installation`).toThrow(GithubError)
})

test('a GET is tried three times while GitHub fails, a POST once', async () => {
  const passing = stage(status(502), status(503), good)
  expect(await passing.call()).toMatchObject({ id: 1 })
  const lasting = stage(status(500))
  expect(refusal(await lasting.call())).toEqual(['GITHUB_UNAVAILABLE', 503, undefined])
  expect(lasting.seen).toHaveLength(3)
  const written = stage(status(500))
  expect(refusal(await written.call('app', 'POST'))).toEqual(['GITHUB_UNAVAILABLE', 503, undefined])
  expect(written.seen).toHaveLength(1)
})

test('a GitHub that is not there, or says nothing in time, is 503', async () => {
  const gone = stage(good)
  await gone.stop()
  expect(refusal(await gone.call())).toEqual(['GITHUB_UNAVAILABLE', 503, undefined])
  const log = createLog({ process: 'test', level: 'silent' })
  const silent = stage(() => new Promise<Response>(() => undefined))
  const client = createGithubClient({ apiUrl: silent.apiUrl, log, pace: { ...PACE, limitMs: 30 } })
  const credential = { token: TOKEN, name: 'app' }
  const answer = await client.call({ path: '/', credential, schema: Body }).catch((error: unknown) => error)
  expect(refusal(answer)).toEqual(['GITHUB_UNAVAILABLE', 503, undefined])
  expect(silent.seen).toHaveLength(1)
})

test.each([
  [401, 'GITHUB_FORBIDDEN', 403],
  [403, 'GITHUB_FORBIDDEN', 403],
  [404, 'NOT_FOUND', 404],
  [422, 'GITHUB_FORBIDDEN', 403],
])('%d of GitHub is %s with status %d, without a word of GitHub', async (code, refused, ours) => {
  const error = await stage(status(code)).call()
  expect(refusal(error)).toEqual([refused, ours, undefined])
  expect(error instanceof Error && error.message).not.toMatch(/no,/)
})

test('an answer of another shape is 503, and nothing of it is kept: it may be a token', async () => {
  for (const answer of [() => new Response('<html>'), () => Response.json({ token: 'of a new kind' })]) {
    const error = await stage(answer).call()
    expect(refusal(error)).toEqual(['GITHUB_UNAVAILABLE', 503, undefined])
    expect(error).toMatchObject({ said: null, cause: undefined })
  }
})

test('a limit that is soon over is waited for once', async () => {
  const { seen, call } = stage(status(429, { 'retry-after': '0' }), good)
  expect(await call()).toMatchObject({ id: 1 })
  expect(seen).toHaveLength(2)
  const again = stage(status(429, { 'retry-after': '0' }))
  expect(refusal(await again.call())).toEqual(['RATE_LIMITED', 429, 1])
  expect(again.seen).toHaveLength(2)
})

test('a longer limit is 429 with the seconds left, and nothing more is sent in that name until it is over', async () => {
  const { seen, call } = stage(status(403, { 'retry-after': '7' }), good)
  expect(refusal(await call())).toEqual(['RATE_LIMITED', 429, 7])
  expect(refusal(await call())).toEqual(['RATE_LIMITED', 429, 7])
  expect(seen).toHaveLength(1)
  expect(await call('user:2')).toMatchObject({ id: 1 })
})

test('how long GitHub asks to wait is read from either header, a minute when neither says, an hour at most', () => {
  const wait = (code: number, headers: Record<string, string>) =>
    askedToWait(code, new Headers(headers), 5_000)
  expect(wait(429, { 'retry-after': '3' })).toBe(3_000)
  expect(wait(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9' })).toBe(4_000)
  expect(wait(429, {})).toBe(60_000)
  expect(wait(429, { 'retry-after': '1e15' })).toBe(3_600_000)
  expect(wait(403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1e15' })).toBe(3_600_000)
  expect(wait(403, { 'x-ratelimit-remaining': '12' })).toBeNull()
  expect(wait(404, { 'retry-after': '3' })).toBeNull()
})

test('a redirect is followed on the spot and never to another origin, where the token would go', async () => {
  const elsewhere = stage(good)
  const away = stage(() => Response.redirect(`${elsewhere.apiUrl}/thing`, 302))
  expect(refusal(await away.call())).toEqual(['GITHUB_UNAVAILABLE', 503, undefined])
  expect(elsewhere.seen).toEqual([])
  const moved = stage(() => new Response(null, { status: 301, headers: { location: '/moved' } }), good)
  expect(await moved.call()).toMatchObject({ id: 1 })
  expect(moved.seen.map(({ path }) => path)).toEqual(['/thing', '/moved'])
})

test('what is logged of an answer is short and holds no token', () => {
  const others = 'ghs_16C7e42F292c6912E7 github_pat_11AAA_bcd v1.1f699f1069f60xxx eyJhbGciOi.eyJpc3MiOi.c2ln'
  const said = scrub(`first ${TOKEN} ${others} ${'x'.repeat(1_000)}`, TOKEN)
  expect(said).toStartWith('first [redacted] [redacted] [redacted] v1.')
  expect(said).not.toMatch(/eyJ|16C7|11AAA|0123456789/)
  expect(said).toHaveLength(500)
})
