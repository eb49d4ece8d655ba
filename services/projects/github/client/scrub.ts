/** Makes GitHub's words fit for a log (projects spec 6.4). */

const MAX_LENGTH = 500
/** GitHub's tokens of every kind, old installation tokens, and JWTs. */
const TOKENS = /\b(?:gh[a-z]_\w+|github_pat_\w+|v1\.[0-9a-f]{40}|eyJ[\w-]+\.[\w-]+\.[\w-]+)/g

/** `text`, cut, without `token` and anything that looks like one. */
export function scrub(text: string, token: string): string {
  return text.replaceAll(token, '[redacted]').replace(TOKENS, '[redacted]').slice(0, MAX_LENGTH)
}
