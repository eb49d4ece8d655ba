/**
 * Redaction at write (v1 contract 9, steps 1, 2 and 3 without its cut; runtime spec 4): secrets are never
 * stored. The cuts happen at read, in sanitise.ts.
 */
import { REDACTED, redactKnown, redactShapes } from './secret-texts.ts'

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

/** Deeper values are cut at read anyway; below this they are not kept, so the walk is bounded. */
const MAX_DEPTH = 32

/**
 * Whether the member's whole value is replaced (v1 contract 9, steps 1 and 2). Figures of usage stay; so
 * does their null, which says that the harness did not report one.
 */
export function isSecretMember(key: string, value: unknown): boolean {
  if (EXACT_KEYS.has(key.toLowerCase().replace(/[^a-z0-9]/g, ''))) return true
  if ((typeof value === 'number' || value === null) && TOKEN_COUNT_KEY.test(key)) return false
  return SECRET_KEY.test(key)
}

/** The object or array `text` is the JSON of, else null: such texts are treated by their structure. */
export function parseStructure(text: string): object | null {
  const first = text.trimStart().charAt(0)
  if (first !== '{' && first !== '[') return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/**
 * A text without anything that looks like a credential or is one of `secrets`. A text that holds a JSON
 * object or array is redacted as such and written back as JSON.
 */
export function redactMessage(text: string, secrets: readonly string[] = []): string {
  return redactText(text, secrets, 0)
}

/** A payload as it may be stored. */
export function redactPayload(
  payload: Record<string, unknown>,
  secrets: readonly string[] = [],
): Record<string, unknown> {
  return redactObject(payload, secrets, 0)
}

function redactText(text: string, secrets: readonly string[], depth: number): string {
  // Known secrets go first: one that is JSON itself would be taken to pieces below.
  const known = redactKnown(text, secrets)
  const structure = depth > MAX_DEPTH ? null : parseStructure(known)
  if (!structure) return redactShapes(known)
  return redactShapes(JSON.stringify(redactValue(structure, secrets, depth + 1)))
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
      redactShapes(redactKnown(key, secrets)),
      isSecretMember(key, member) ? REDACTED : redactValue(member, secrets, depth + 1),
    ]),
  )
}
