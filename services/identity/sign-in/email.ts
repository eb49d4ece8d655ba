/** E-mail addresses as accounts have them (identity spec 2). */

const MAX_CHARS = 254
const BLANK_OR_CONTROL = /[\s\p{Cc}]/u

/** Trimmed and lower-cased: the form they are stored and looked up in. */
export function normalizeEmail(text: string): string {
  return text.trim().toLowerCase()
}

/** What is wrong with an address in its stored form, or null. */
export function emailFault(email: string): string | null {
  if (email.length > MAX_CHARS) return `must have at most ${MAX_CHARS} characters`
  if (BLANK_OR_CONTROL.test(email)) return 'must not contain blanks or control characters'
  const [local, domain, ...rest] = email.split('@')
  return local && domain && rest.length === 0 ? null : 'must be an e-mail address'
}
