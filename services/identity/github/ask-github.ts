/** One question to GitHub. What it answers is checked, and never passed on. */
import { firstFault, matches } from '@mogplex/kit/validation.ts'
import type { Static, TSchema } from '@sinclair/typebox'

/** GitHub answered, with a status that is no success. */
export class UnexpectedStatus extends Error {
  override name = 'UnexpectedStatus'
  constructor(readonly status: number) {
    super(`GitHub answered ${status}`)
  }
}

const LIMIT_MS = 10_000
const MAX_BYTES = 262_144

const API_HEADERS = {
  accept: 'application/vnd.github+json',
  'x-github-api-version': '2022-11-28',
  'user-agent': 'mogplex-selfhost',
}

/** Throws {@link UnexpectedStatus}, or any other error for what is no answer to the question. */
export async function askGithub<Schema extends TSchema>(
  url: string,
  init: RequestInit,
  schema: Schema,
): Promise<Static<Schema>> {
  // A redirect would carry the token, or the secret, to somebody else.
  const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(LIMIT_MS) })
  if (!response.ok) throw new UnexpectedStatus(response.status)
  const answer: unknown = JSON.parse(await readText(response))
  if (!matches(schema, answer)) throw new Error(`GitHub's answer: ${firstFault(schema, answer)}`)
  return answer
}

/** The same of the API, on behalf of the user whose token it is. */
export function askGithubAs<Schema extends TSchema>(
  token: string,
  url: string,
  schema: Schema,
): Promise<Static<Schema>> {
  return askGithub(url, { headers: { ...API_HEADERS, authorization: `Bearer ${token}` } }, schema)
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_BYTES) throw new Error(`GitHub's answer is longer than ${MAX_BYTES} bytes`)
  }
  return text + decoder.decode()
}
