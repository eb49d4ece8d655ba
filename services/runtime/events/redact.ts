/**
 * Redaction at write (v1 contract 9, steps 1, 2 and 3 without its cut; runtime spec 4): secrets are never
 * stored. What is too much for one event is cut first, so that no output takes longer to search than an event
 * may; the cuts of v1 happen at read, in sanitise.ts.
 */
import { beginsStructure, MAX_DEPTH, parseStructure, redactAndCut } from './cut-text.ts'
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

/** How much of a payload is kept. */
export interface PayloadLimits {
  /** Of one string. */
  maxTextLength: number
  /** Of all strings and keys together. */
  maxLength: number
  /** Members and entries of all objects and arrays together. */
  maxMembers: number
  /** Members or entries of any one of them; default: no limit. */
  maxItems?: number
  /** Of objects and arrays in one another; default {@link MAX_DEPTH}. */
  maxDepth?: number
}

/** Longest text kept of one tool input or output; internal routes show no more (runtime spec 4). */
export const MAX_TEXT_LENGTH = 40_000
const PAYLOAD_LIMITS: PayloadLimits = {
  maxTextLength: MAX_TEXT_LENGTH,
  maxLength: 200_000,
  maxMembers: 1_000,
}
/** What v1 shows of any structure (v1 contract 9, steps 4 and 5). */
export const SHOWN_ITEMS = 25
export const SHOWN_DEPTH = 3
const MAX_KEY_LENGTH = 500
const TRUNCATED = '[truncated]'

/**
 * Whether the member's whole value is replaced (v1 contract 9, steps 1 and 2). Figures of usage stay; so
 * does their null, which says that the harness did not report one.
 */
export function isSecretMember(key: string, value: unknown): boolean {
  if (EXACT_KEYS.has(key.toLowerCase().replace(/[^a-z0-9]/g, ''))) return true
  if ((typeof value === 'number' || value === null) && TOKEN_COUNT_KEY.test(key)) return false
  return SECRET_KEY.test(key)
}

/**
 * A text without anything that looks like a credential or is one of `secrets`. A text that holds a JSON
 * object or array is redacted as such and written back as JSON.
 */
export function redactMessage(text: string, secrets: readonly string[] = []): string {
  const known = redactKnown(text, secrets)
  const structure = parseStructure(known)
  if (!structure) return redactShapes(known)
  const whole = { maxTextLength: Infinity, maxLength: Infinity, maxMembers: Infinity }
  return redactShapes(JSON.stringify(new Redaction(secrets, whole).value(structure, 1)))
}

/** As {@link redactMessage} where the text is a JSON object or array; any other text is left for later. */
export function redactStructure(text: string, secrets: readonly string[]): string {
  return parseStructure(text) ? redactMessage(text, secrets) : text
}

/** The first `maxLength` characters of a text at most, redacted as by {@link redactMessage}. */
export function redactExcerpt(text: string, maxLength: number, secrets: readonly string[]) {
  return excerptOf(text, maxLength, secrets, PAYLOAD_LIMITS)
}

/**
 * The same for a message. One that is JSON and too long is not recognised as such any more when it is read, so it
 * loses beforehand what v1 shows of no structure.
 */
export function redactMessageExcerpt(text: string, maxLength: number, secrets: readonly string[]) {
  const excerpt = excerptOf(text, maxLength, secrets, PAYLOAD_LIMITS)
  if (!excerpt.isCut || !beginsStructure(text)) return excerpt
  const shown = { ...PAYLOAD_LIMITS, maxItems: SHOWN_ITEMS, maxDepth: SHOWN_DEPTH }
  return { ...excerptOf(text, maxLength, secrets, shown), isCut: true }
}

function excerptOf(text: string, maxLength: number, secrets: readonly string[], limits: PayloadLimits) {
  const redaction = new Redaction(secrets, limits)
  return redactAndCut(text, maxLength, {
    secrets,
    redactStructure: structure => redaction.value(structure, 1),
  })
}

/** A payload as it may be stored. One that lost something says so: `truncated` is true. */
export function redactPayload(
  payload: Record<string, unknown>,
  secrets: readonly string[] = [],
  limits = PAYLOAD_LIMITS,
): Record<string, unknown> {
  const redaction = new Redaction(secrets, limits)
  const redacted = redaction.members(payload, 0)
  return redaction.isCut ? { ...redacted, truncated: true } : redacted
}

/** One walk over a value: what it may still keep, and whether it had to leave something out. */
class Redaction {
  isCut = false
  private lengthLeft: number
  private membersLeft: number

  constructor(
    private readonly secrets: readonly string[],
    private readonly limits: PayloadLimits,
  ) {
    this.lengthLeft = limits.maxLength
    this.membersLeft = limits.maxMembers
  }

  value(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value, this.limits.maxTextLength, depth)
    if (typeof value !== 'object' || value === null) return value
    if (depth > (this.limits.maxDepth ?? MAX_DEPTH)) {
      this.isCut = true
      return TRUNCATED
    }
    if (!Array.isArray(value)) return this.members(value, depth)
    return this.take(value).map(entry => this.value(entry, depth + 1))
  }

  members(value: object, depth: number): Record<string, unknown> {
    return Object.fromEntries(
      this.take(Object.entries(value)).map(([key, member]) => [
        this.text(key, MAX_KEY_LENGTH, Infinity),
        isSecretMember(key, member) ? REDACTED : this.value(member, depth + 1),
      ]),
    )
  }

  private text(text: string, maxLength: number, depth: number): string {
    const most = Math.max(0, Math.min(maxLength, this.lengthLeft))
    const result = redactAndCut(text, most, {
      secrets: this.secrets,
      redactStructure: structure => (depth > MAX_DEPTH ? TRUNCATED : this.value(structure, depth + 1)),
    })
    this.lengthLeft -= result.text.length
    this.isCut ||= result.isCut
    return result.text
  }

  private take<T>(all: T[]): T[] {
    const taken = all.slice(0, Math.max(0, Math.min(this.membersLeft, this.limits.maxItems ?? Infinity)))
    this.isCut ||= taken.length < all.length
    this.membersLeft -= taken.length
    return taken
  }
}
