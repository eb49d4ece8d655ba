/** Text as it may stand in a log: without credentials, addresses of people and queries, whoever wrote it. */

const MAX_LENGTH = 2_000

/** Quick to search in text that was made to be slow: every repetition is bounded or cannot overlap itself. */
const SECRET_TEXTS: readonly (readonly [shape: RegExp, instead: string])[] = [
  [/-----BEGIN [A-Z ]{1,40}-----[^-]{0,10000}(?:-----END [A-Z ]{1,40}-----)?/g, '[redacted]'],
  // Of a URL: who logs in, and what follows the path.
  [/(?<=\/\/)[^\s/?#"'<>]{1,1000}@/g, '[redacted]@'],
  [/(?<=[a-z]:\/\/[^\s?"'<>]{1,1000})\?[^\s"'<>]+/gi, '?[redacted]'],
  [/(?<=\b(?:Bearer|Basic)\s)[^\s"',;]+/gi, '[redacted]'],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[redacted]'],
  [/(?:gh[oprsu]|github_pat|mog|mot|sb_secret|glpat|xox[abprs])[_-][\w-]{8,}/g, '[redacted]'],
  [/\bsk-[\w-]{8,}/g, '[redacted]'],
  [/\bAKIA[A-Z0-9]{16}\b/g, '[redacted]'],
  // Not who logs in by SSH, as everybody does.
  [/(?<![\w.+-])(?!git@)[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g, '[e-mail]'],
]

/** @example cleanText('fetch of https://ada:pw@git.test/x failed') // 'fetch of https://[redacted]@git.test/x failed' */
export function cleanText(text: string): string {
  const short = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text
  return SECRET_TEXTS.reduce((result, [shape, instead]) => result.replace(shape, instead), short)
}

/** The same value with every text in it {@link cleanText cleaned}; what is nested too deeply is left out. */
export function cleanValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value)
  if (typeof value !== 'object' || value === null) return value
  // Its members may be anything, the parameters of a statement first.
  if (value instanceof Error) return value.name
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (depth >= MAX_DEPTH) return '[nested]'
  if (Array.isArray(value)) return value.map(member => cleanValue(member, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, cleanValue(member, depth + 1)]),
  )
}

const MAX_DEPTH = 6
