/** The e-mail address of a sign-in, the key of its failure budget (gateway spec 6). */

const MAX_LENGTH = 254

/**
 * The address in the form identity compares it in (trimmed, lower-case), or null when the body has none that
 * could belong to a user. Such a body goes on to identity, which says what is wrong with it.
 */
export function signInEmail(body: Uint8Array): string | null {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body))
    if (typeof parsed !== 'object' || parsed === null || !('email' in parsed)) return null
    if (typeof parsed.email !== 'string') return null
    const email = parsed.email.trim().toLowerCase()
    return email !== '' && email.length <= MAX_LENGTH ? email : null
  } catch {
    // Not JSON: identity answers 400.
    return null
  }
}
