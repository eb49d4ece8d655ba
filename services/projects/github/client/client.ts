/**
 * Calls to GitHub's API (projects spec 6.4): bounded in time, patient with a passing fault, obedient to rate
 * limits, and never passing on what GitHub said.
 */
import type { Log } from '@mogplex/kit/log.ts'
import { firstFault, matches } from '@mogplex/kit/validation.ts'
import type { Static, TSchema } from '@sinclair/typebox'
import { type ExchangeAnswer, exchange } from './exchange.ts'
import { GithubError, rateLimited, refusalOf } from './github-error.ts'
import { askedToWait, createRateLimits } from './rate-limits.ts'
import { scrub } from './scrub.ts'

/** What a call is made with. GitHub counts calls by who makes them, and a token of theirs may change. */
export interface Credential {
  token: string
  /** `app`, `installation:501` or `user:<id>`. */
  name: string
}

export interface GithubCall<Schema extends TSchema> {
  method?: 'GET' | 'POST'
  /** A POST that may be sent twice. A GET always may. */
  isRepeatable?: true
  /** Below the API's address, its parts encoded: {@link path}. */
  path: string
  body?: unknown
  credential: Credential
  /** Of the answer; what GitHub says beside it is left alone. */
  schema: Schema
}

export interface GithubClient {
  /** The answer, checked; throws {@link GithubError}. At most 10 s. */
  call: <Schema extends TSchema>(call: GithubCall<Schema>) => Promise<Static<Schema>>
}

export interface Pace {
  limitMs: number
  /** Before each further try of what may be repeated, give or take a quarter. */
  retryDelaysMs: readonly number[]
  /** A rate limit that is over by then is waited for, once. */
  patienceMs: number
}

const PACE: Pace = { limitMs: 10_000, retryDelaysMs: [500, 1_000], patienceMs: 2_000 }

/** A path of the API; no value leads out of its segment. @example path`/orgs/${login}/installation` */
export function path(texts: TemplateStringsArray, ...values: (string | number)[]): string {
  return String.raw({ raw: texts }, ...values.map(segment))
}

function segment(value: string | number): string {
  // Encoded or not, every reader of addresses resolves them.
  if (value === '.' || value === '..') throw new GithubError('NOT_FOUND')
  return encodeURIComponent(value)
}

export function createGithubClient(options: { apiUrl: string; log: Log; pace?: Pace }): GithubClient {
  const { apiUrl, log, pace = PACE } = options
  const limits = createRateLimits()

  const tryOnce = async (call: GithubCall<TSchema>, signal: AbortSignal): Promise<ExchangeAnswer> => {
    const { method = 'GET', isRepeatable = method === 'GET', body, credential } = call
    const request = { method, body, signal, url: apiUrl + call.path, token: credential.token }
    const delaysMs = isRepeatable ? pace.retryDelaysMs : []
    for (let attempt = 0; ; attempt += 1) {
      const delayMs = delaysMs[attempt]
      const answer = await exchange(request).catch((cause: unknown) => {
        if (delayMs === undefined || signal.aborted) throw new GithubError('GITHUB_UNAVAILABLE', { cause })
        return null
      })
      if (answer && (answer.status < 500 || delayMs === undefined)) return answer
      await Bun.sleep((delayMs ?? 0) * (0.75 + Math.random() / 2))
    }
  }

  const tryWithinLimits = async (call: GithubCall<TSchema>): Promise<ExchangeAnswer> => {
    const { name } = call.credential
    limits.assertOpen(name)
    const signal = AbortSignal.timeout(pace.limitMs)
    for (let isSecond = false; ; isSecond = true) {
      const answer = await tryOnce(call, signal)
      const waitMs = askedToWait(answer.status, answer.headers, Date.now())
      if (waitMs === null) return answer
      if (isSecond || waitMs > pace.patienceMs) {
        limits.close(name, waitMs)
        throw rateLimited(waitMs)
      }
      await Bun.sleep(waitMs)
    }
  }

  return { call: async call => readValue(call, await tryWithinLimits(call), log) }
}

function readValue<Schema extends TSchema>(
  call: GithubCall<Schema>,
  { status, text }: ExchangeAnswer,
  log: Log,
): Static<Schema> {
  const isGood = status >= 200 && status < 300
  const value = isGood ? parse(text) : undefined
  if (isGood && matches(call.schema, value)) return value
  // A good answer may be a token: what is wrong with its shape says enough.
  const said = isGood ? null : scrub(text, call.credential.token)
  const fault = isGood ? firstFault(call.schema, value) : undefined
  const facts = { method: call.method ?? 'GET', path: call.path, status, said, fault }
  // That there is no such thing is what many questions are about.
  log[status === 404 ? 'debug' : 'warn']({ event: 'github.refused', ...facts })
  throw new GithubError(isGood ? 'GITHUB_UNAVAILABLE' : refusalOf(status), { said })
}

/** Undefined, which no schema of ours takes, for what is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
