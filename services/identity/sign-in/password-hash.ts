/** Argon2id on Bun's worker pool: a hash takes tens of milliseconds, which the main thread does not have. */
import { PASSWORD_CHARS } from '@mogplex/proto/wire/sessions.ts'

/** OWASP's minimum for argon2id: 19 MiB, two passes. */
const PARAMETERS = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const

/** What is wrong with a new password, or null. Characters are code points, as people count them. */
export function passwordFault(password: string): string | null {
  const { length } = [...password]
  if (length >= PASSWORD_CHARS.min && length <= PASSWORD_CHARS.max) return null
  return `must have ${PASSWORD_CHARS.min} to ${PASSWORD_CHARS.max} characters`
}

export function hashPassword(password: string): Promise<string> {
  return Bun.password.hash(password, PARAMETERS)
}

/** A hash nobody knows the password of, made once, with the parameters of all others. */
let dummy: Promise<string> | null = null
function dummyHash(): Promise<string> {
  dummy ??= hashPassword(crypto.randomUUID())
  return dummy
}

/**
 * True when `password` is the one `hash` was made of. Without a hash it takes as long and is false, so that
 * the time tells nobody whether an account exists.
 */
export async function verifyPassword(password: string, hash: string | null): Promise<boolean> {
  const isRight = await Bun.password.verify(password, hash ?? (await dummyHash()))
  return hash !== null && isRight
}

/** Makes the dummy before the first sign-in, which would otherwise take twice as long. */
export async function warmUpPasswords(): Promise<void> {
  await dummyHash()
}
