/** The `limit` of lists (v1 contract 5): parsed as a leading integer and clamped, never an error. */

/**
 * How many rows a list gives. Text that does not start with an integer, or none at all, means the default.
 *
 * @example
 * clampLimit('12abc', { default: 100, max: 200 }) // 12
 * clampLimit('-3', { default: 100, max: 200 }) // 1
 */
export function clampLimit(text: string | null, limits: { default: number; max: number }): number {
  const parsed = Number.parseInt(text ?? '', 10)
  return Number.isNaN(parsed) ? limits.default : Math.min(Math.max(parsed, 1), limits.max)
}
