/**
 * Whom commits made for a user name (identity spec 5): what the user set, else the account. Git strips and refuses
 * some of what people call themselves; where nothing would be left the next best is taken, so that a commit never
 * fails for a name.
 */
import { MAX_COMMIT_EMAIL, MAX_COMMIT_NAME } from '@mogplex/proto/wire/settings.ts'
import type { User } from '../database/schema.ts'

export interface CommitIdentity {
  name: string
  email: string
}

/** Git drops these, and all control characters and blanks, from both ends of a name and of an address. */
const CRUD = /^[\s\p{Cc}.,:;<>"'\\]+|[\s\p{Cc}.,:;<>"'\\]+$/gu
/** Git leaves out `<`, `>` and line ends wherever they are. */
const NEVER_KEPT = /[<>]/
const CONTROL = /\p{Cc}/u
const ADDRESS = /^[^\s@]+@[^\s@]+$/

/** Why git would not take this name as it is, worded to follow the field's name; null when it would. */
export function commitNameFault(name: string): string | null {
  if (name.length === 0 || name.length > MAX_COMMIT_NAME)
    return `must have 1 to ${MAX_COMMIT_NAME} characters`
  if (CONTROL.test(name) || !name.isWellFormed()) return 'must be one line of text'
  if (NEVER_KEPT.test(name)) return 'must not contain < or >'
  return clean(name) === '' ? 'must have something besides punctuation' : null
}

/** The same for an address. Hosts decide which they accept; git only wants one that it can write down. */
export function commitEmailFault(email: string): string | null {
  if (email.length > MAX_COMMIT_EMAIL) return `must have at most ${MAX_COMMIT_EMAIL} characters`
  const isWritable = !CONTROL.test(email) && email.isWellFormed() && !NEVER_KEPT.test(email)
  return isWritable && ADDRESS.test(email) && clean(email) === email ? null : 'must be an e-mail address'
}

/** Never empty, and always what git takes. */
export function commitIdentityOf(user: User): CommitIdentity {
  const email =
    firstOf([user.commitEmail, user.email], commitEmailFault) ?? `${user.id}@users.noreply.invalid`
  const local = user.email?.split('@')[0]
  const names = [user.commitName, user.name, user.username, user.githubUsername, local]
  return { name: firstOf(names, commitNameFault) ?? 'agent', email }
}

function firstOf(
  candidates: (string | null | undefined)[],
  faultOf: (text: string) => string | null,
): string | null {
  const trimmed = candidates.map(candidate => candidate?.trim() ?? '')
  return trimmed.find(candidate => candidate !== '' && faultOf(candidate) === null) ?? null
}

function clean(text: string): string {
  return text.replace(CRUD, '')
}
