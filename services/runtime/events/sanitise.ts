/**
 * What leaves in an answer of v1 (v1 contract 9): redacted once more, and cut. Applied at read, so that a
 * rule that grows covers what is already stored.
 */
import { firstOf, parseStructure } from './cut-text.ts'
import { isSecretMember, SHOWN_DEPTH, SHOWN_ITEMS } from './redact.ts'
import { REDACTED, redactShapes } from './secret-texts.ts'

const MAX_TEXT_LENGTH = 2_000
const MAX_PAYLOAD_LENGTH = 20_000
const TRUNCATED = '[truncated]'

/** What a cut text looks like; it is not cut again. */
const CUT_TEXT = new RegExp(`^[^]{${MAX_TEXT_LENGTH}}\\n\\.\\.\\.\\[truncated \\d+ chars\\]$`)

/** Messages, tool names and run errors: step 3 alone. */
export function sanitiseText(text: string): string {
  const structure = parseStructure(text)
  const redacted = redactShapes(structure ? JSON.stringify(sanitiseMembers(structure, 0)) : text)
  if (redacted.length <= MAX_TEXT_LENGTH || CUT_TEXT.test(redacted)) return redacted
  const left = redacted.length - MAX_TEXT_LENGTH
  return `${firstOf(redacted, MAX_TEXT_LENGTH)}\n...[truncated ${left} chars]`
}

/** The whole list, for payloads. The result's JSON stays within 20,000 characters, or is a preview of them. */
export function sanitisePayload(payload: Record<string, unknown>): Record<string, unknown> {
  const preview = previewOf(payload)
  if (preview !== null) return asPreview(preview)
  const sanitised = sanitiseMembers(payload, 0)
  const json = JSON.stringify(sanitised)
  return json.length > MAX_PAYLOAD_LENGTH ? asPreview(json) : { ...sanitised }
}

/** The text of a payload that was already made a preview, else null. */
function previewOf(payload: Record<string, unknown>): string | null {
  const { truncated, payloadPreview } = payload
  const isPreview = truncated === true && Object.keys(payload).length === 2
  return isPreview && typeof payloadPreview === 'string' ? payloadPreview : null
}

function asPreview(text: string): Record<string, unknown> {
  const structure = parseStructure(text)
  const redacted = redactShapes(structure ? JSON.stringify(sanitiseMembers(structure, 0)) : text)
  return { truncated: true, payloadPreview: firstOf(redacted, MAX_PAYLOAD_LENGTH) }
}

function sanitiseMembers(value: object, depth: number): object {
  if (Array.isArray(value)) return value.slice(0, SHOWN_ITEMS).map(entry => sanitiseValue(entry, depth + 1))
  const members = Object.entries(value).slice(0, SHOWN_ITEMS)
  return Object.fromEntries(
    members.map(([key, member]) => [
      redactShapes(key),
      isSecretMember(key, member) ? REDACTED : sanitiseValue(member, depth + 1),
    ]),
  )
}

function sanitiseValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return sanitiseText(value)
  if (typeof value !== 'object' || value === null) return value
  return depth >= SHOWN_DEPTH ? TRUNCATED : sanitiseMembers(value, depth)
}
