/**
 * Redaction at write (v1 contract 9, steps 1, 2 and 3 without its cut; runtime spec 4): secrets are never
 * stored. The cuts happen at read, in sanitise.ts.
 */

export const REDACTED = '[redacted]'

const EXACT_KEYS = new Set([
  'env',
  'environment',
  'envvars',
  'runtimeenv',
  'runtimeenvironment',
  'githubtoken',
  'ghtoken',
  'aibillingsource',
  'mogplexaibillingsource',
])

const SECRET_KEY = /authorization|api[_-]?key|token|secret|password|cookie|credential|session|jwt/i
const TOKEN_COUNT_KEY = /(tokens|token_count)$/i

const SECRET_TEXTS: [RegExp, string][] = [
  [/\bBearer\s+[^\s"',;]+/gi, `Bearer ${REDACTED}`],
  [/x-access-token:[^@\s]+@/gi, `x-access-token:${REDACTED}@`],
  [/\bgh[oprsu]_[A-Za-z0-9_]+/g, REDACTED],
  [/\bgithub_pat_[A-Za-z0-9_]+/g, REDACTED],
  [/\bsk-[A-Za-z0-9_-]{8,}/g, REDACTED],
  [/\bsb_secret_[A-Za-z0-9_-]+/g, REDACTED],
  [/\bmog_[A-Za-z0-9_]+/g, REDACTED],
  [/\bxox[abprs]-[A-Za-z0-9-]+/g, REDACTED],
  [/\bAKIA[A-Z0-9]{16}/g, REDACTED],
]

/** Shorter values would redact ordinary words. */
const MIN_SECRET_LENGTH = 6

/** Deeper values are cut at read anyway; below this they are not kept, so the walk is bounded. */
const MAX_DEPTH = 32

function isSecretKey(key: string, value: unknown): boolean {
  if (EXACT_KEYS.has(key.toLowerCase().replace(/[^a-z0-9]/g, ''))) return true
  if (typeof value === 'number' && TOKEN_COUNT_KEY.test(key)) return false
  return SECRET_KEY.test(key)
}

/** A text without anything that looks like a credential or is one of `secrets`. */
export function redactMessage(text: string, secrets: readonly string[] = []): string {
  let result = text
  for (const secret of secrets) {
    if (secret.length >= MIN_SECRET_LENGTH) result = result.replaceAll(secret, REDACTED)
  }
  for (const [pattern, replacement] of SECRET_TEXTS) result = result.replace(pattern, replacement)
  // Postgres stores neither NUL nor half a surrogate pair.
  return result.replaceAll('\0', '\ufffd').toWellFormed()
}

/** A text that holds a JSON object or array is redacted as such and written back as JSON. */
function redactText(text: string, secrets: readonly string[], depth: number): string {
  const start = text.trimStart().charAt(0)
  if (start === '{' || start === '[') {
    try {
      const value: unknown = JSON.parse(text)
      return redactMessage(JSON.stringify(redactValue(value, secrets, depth + 1)), secrets)
    } catch {
      return redactMessage(text, secrets)
    }
  }
  return redactMessage(text, secrets)
}

function redactValue(value: unknown, secrets: readonly string[], depth: number): unknown {
  if (typeof value === 'string') return redactText(value, secrets, depth)
  if (typeof value !== 'object' || value === null) return value
  if (depth > MAX_DEPTH) return '[truncated]'
  if (Array.isArray(value)) return value.map(entry => redactValue(entry, secrets, depth + 1))
  return redactObject(value, secrets, depth)
}

function redactObject(value: object, secrets: readonly string[], depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      redactMessage(key, secrets),
      isSecretKey(key, member) ? REDACTED : redactValue(member, secrets, depth + 1),
    ]),
  )
}

/** A payload as it may be stored. */
export function redactPayload(
  payload: Record<string, unknown>,
  secrets: readonly string[] = [],
): Record<string, unknown> {
  return redactObject(payload, secrets, 0)
}
