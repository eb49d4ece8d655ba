/** Where in the repository the agent works (v1 contract 6, `rootDirectory`). */

const MAX_LENGTH = 1_024
const FORBIDDEN = /[\\\p{Cc}]/u
/** `.` or `..` with any dot percent-encoded: a later decoder would make it a step out. */
const DOTS = /^(?:\.|%2e){1,2}$/i

/**
 * The directory in its one normal form, relative and without `.` segments; null for the repository's root.
 * Undefined when the text is refused: it could leave the repository, or is no path at all.
 *
 * @example
 * normalizeRootDirectory('/apps//web/') // 'apps/web'
 */
export function normalizeRootDirectory(text: string): string | null | undefined {
  const trimmed = text.trim()
  if (trimmed.length > MAX_LENGTH || FORBIDDEN.test(trimmed) || !trimmed.isWellFormed()) return undefined
  const segments = trimmed.split('/').filter(segment => segment !== '' && segment !== '.')
  if (segments.some(segment => DOTS.test(segment))) return undefined
  return segments.length === 0 ? null : segments.join('/')
}
