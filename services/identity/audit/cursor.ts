/** Where a page of the trail ended: opaque to clients, the keyset of its last entry to us. */
import { badRequest } from '@mogplex/kit/errors.ts'
import { isUuid } from '@mogplex/kit/validation.ts'

export interface Position {
  at: Date
  id: string
}

export function encodeCursor({ at, id }: Position): string {
  return Buffer.from(JSON.stringify({ at: at.toISOString(), id })).toString('base64url')
}

/** Null for none, which is the first page; 400 `Invalid cursor` for what no page gave out. */
export function decodeCursor(text: string | null): Position | null {
  if (text === null || text === '') return null
  const position = parse(Buffer.from(text, 'base64url').toString())
  // The same text again: base64url in Node skips what does not belong into it.
  if (position === null || encodeCursor(position) !== text) throw badRequest('Invalid cursor')
  return position
}

/** Of years that every database has. */
const INSTANT = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

function parse(json: string): Position | null {
  try {
    const { at, id } = JSON.parse(json) ?? {}
    if (typeof at !== 'string' || !INSTANT.test(at) || !isUuid(id)) return null
    const date = new Date(at)
    return Number.isNaN(date.getTime()) ? null : { at: date, id }
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
}
