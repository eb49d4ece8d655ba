/** The one rule for branch names (v1-contract 6; README ruling 10). */

const MAX_LENGTH = 200
const ALLOWED = /^[A-Za-z0-9_./-]+$/

/**
 * True for a branch name this product accepts, without `refs/heads/`. Stricter than git: everything
 * accepted here passes `git check-ref-format --branch` and is safe as a command argument. The caller trims.
 *
 * @example
 * isValidGitRef('feature/login') // true
 * isValidGitRef('-rf') // false
 */
export function isValidGitRef(name: string): boolean {
  if (name.length > MAX_LENGTH || !ALLOWED.test(name)) return false
  if (name === 'HEAD' || name.startsWith('-') || name.endsWith('.') || name.includes('..')) return false
  return name.split('/').every(isValidSegment)
}

/** An empty segment stands for a leading, trailing or doubled slash. */
function isValidSegment(segment: string): boolean {
  return segment !== '' && !segment.startsWith('.') && !segment.endsWith('.lock')
}
