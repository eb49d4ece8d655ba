/** What makes two requests the same (v1 contract 4). */
import { sha256Hex } from '@mogplex/kit/ids.ts'
import type { StartRunFields } from './fields.ts'

/**
 * SHA-256 of the known fields as canonical JSON. The fields already carry the defaults of the request, and
 * none of the repo's: a retry still replays after the repo changed. A missing `rootDirectory` is left out,
 * which keeps it apart from null.
 */
export function requestHash(fields: StartRunFields): string {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return sha256Hex(JSON.stringify(Object.fromEntries(sorted)))
}
