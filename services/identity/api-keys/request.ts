/** What a request for a new token may ask (identity spec 6). */
import { badRequest } from '@mogplex/kit/errors.ts'
import type { Scope } from '@mogplex/proto/caller.ts'
import { TOKEN_LIMITS } from '@mogplex/proto/wire/tokens.ts'

const ALL_SCOPES: readonly Scope[] = ['read', 'write']

export interface NewKeyRequest {
  name: string
  scopes: Scope[]
  /** Null: never expires. */
  expiresInDays: number | null
}

/** Throws 400 naming the field; a value is never echoed. */
export function readNewKeyRequest(body: Record<string, unknown>): NewKeyRequest {
  return {
    name: readName(body.name),
    scopes: readScopes(body.scopes),
    expiresInDays: readDays(body.expiresInDays),
  }
}

/** How long a rotated token stays good, in hours; 0 ends it at once. Throws 400 naming the field. */
export function readOverlapHours({ overlapHours: value }: Record<string, unknown>): number {
  if (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    value >= 0 &&
    value <= TOKEN_LIMITS.overlapHours
  ) {
    return value
  }
  throw fault('overlapHours', `must be a whole number from 0 to ${TOKEN_LIMITS.overlapHours}`)
}

function readName(value: unknown): string {
  const name = typeof value === 'string' ? value.trim() : ''
  const { length } = [...name]
  if (length < 1 || length > TOKEN_LIMITS.nameChars)
    throw fault('name', `must be 1 to ${TOKEN_LIMITS.nameChars} characters`)
  return name
}

function readScopes(value: unknown): Scope[] {
  if (value === undefined || value === null) return [...ALL_SCOPES]
  if (!Array.isArray(value)) throw fault('scopes', `must be an array of ${ALL_SCOPES.join(', ')}`)
  if (value.length === 0) throw fault('scopes', 'at least one scope is needed')
  if (!value.every(isScope)) throw fault('scopes', `allowed values are ${ALL_SCOPES.join(', ')}`)
  return [...new Set(value)]
}

function isScope(value: unknown): value is Scope {
  return ALL_SCOPES.some(scope => scope === value)
}

function readDays(value: unknown): number | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= TOKEN_LIMITS.days)
    return value
  throw fault('expiresInDays', `must be a whole number from 1 to ${TOKEN_LIMITS.days}`)
}

function fault(field: string, reason: string) {
  return badRequest(`${field}: ${reason}`, { field })
}
