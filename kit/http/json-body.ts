/** Request bodies, read when a route is ready for them: headers and ownership are checked before. */
import { badRequest } from '../errors.ts'

/**
 * The body as a JSON object, whatever its `Content-Type` (v1 contract 2). Anything else (no body, invalid
 * JSON, an array, null, a scalar) is 400 `Invalid JSON body`; so is a NUL or half of a surrogate
 * pair in any string or key, because Postgres cannot store them.
 */
export async function readJsonObject(request: Request): Promise<Record<string, unknown>> {
  const body = await parseJsonObject(request)
  refuseNul(body)
  return body
}

/**
 * Like {@link readJsonObject} without the check for what cannot be stored, for routes whose fields have an
 * exact message for it; such a route calls {@link refuseNul} after its own checks.
 */
export async function parseJsonObject(request: Request): Promise<Record<string, unknown>> {
  const value = parse(await request.text())
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('Invalid JSON body')
  return value as Record<string, unknown>
}

/** 400 naming the first string or key of `body` that holds a NUL or half of a surrogate pair. */
export function refuseNul(body: Record<string, unknown>): void {
  const path = findUnstorable(body, '', 0)
  if (path !== null)
    throw badRequest(`${path || 'body'}: must not contain a NUL character or half of a surrogate pair`)
}

/** Like {@link readJsonObject}, but no body at all is an empty object. */
export async function readOptionalJsonObject(request: Request): Promise<Record<string, unknown>> {
  const text = await request.clone().text()
  return text.trim() === '' ? {} : readJsonObject(request)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw Object.assign(badRequest('Invalid JSON body'), { cause })
  }
}

/** Deeper than anything the product reads, far from the depth that exhausts the stack. */
const MAX_DEPTH = 200

/** Whether Postgres can keep the text as it is: no NUL, no half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

function findUnstorable(value: unknown, path: string, depth: number): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : path
  if (typeof value !== 'object' || value === null) return null
  if (depth > MAX_DEPTH) throw badRequest('Invalid JSON body: nested too deeply')
  for (const [key, member] of Object.entries(value)) {
    const memberPath = Array.isArray(value) ? `${path}[${key}]` : path ? `${path}.${key}` : key
    if (!isStorable(key)) return path
    const found = findUnstorable(member, memberPath, depth + 1)
    if (found !== null) return found
  }
  return null
}
