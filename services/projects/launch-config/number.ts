/** Numbers as forms send them. */

/** A number, or a text that is one; NaN for everything else, blank texts included. */
export function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}
