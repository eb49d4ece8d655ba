/** Argon2id on Bun's worker pool: a hash takes tens of milliseconds, which the main thread does not have. */
import { availableParallelism } from 'node:os'
import { PASSWORD_CHARS } from '@mogplex/proto/wire/sessions.ts'
import { createPasswordQueue, type Turn } from './password-queue.ts'

/** OWASP's minimum for argon2id: 19 MiB, two passes. */
const PARAMETERS = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const

/** More would be memory without speed: 16 take 300 MiB. */
const MOST_AT_ONCE = 16
/** Of each lane; on two processors the last of them waits for a second or two. */
const MOST_WAITING = 100

const queue = createPasswordQueue({
  concurrency: Math.min(availableParallelism(), MOST_AT_ONCE),
  maxWaiting: MOST_WAITING,
})

/** What is wrong with a new password, or null. Characters are code points, as people count them. */
export function passwordFault(password: string): string | null {
  const { length } = [...password]
  if (length >= PASSWORD_CHARS.min && length <= PASSWORD_CHARS.max) return null
  return `must have ${PASSWORD_CHARS.min} to ${PASSWORD_CHARS.max} characters`
}

/** 503 when too many wait already, like {@link verifyPassword}. */
export function hashPassword(password: string, turn: Turn): Promise<string> {
  return queue.run(turn, () => Bun.password.hash(password, PARAMETERS))
}

/** A hash nobody knows the password of, made once, with the parameters of all others. */
let dummy: Promise<string> | null = null
function dummyHash(): Promise<string> {
  dummy ??= Bun.password.hash(crypto.randomUUID(), PARAMETERS)
  return dummy
}

/** In UTF-16 units, of which a code point has two at most. */
const MOST_UNITS = PASSWORD_CHARS.max * 2

/**
 * True when `password` is the one `hash` was made of. Without a hash it takes as long and is false, so that
 * the time tells nobody whether an account exists.
 */
export async function verifyPassword(password: string, hash: string | null, turn: Turn): Promise<boolean> {
  const isPossible = hash !== null && password.length <= MOST_UNITS
  // What nobody can have as a password is not kept while it waits either.
  const candidate = password.length <= MOST_UNITS ? password : 'x'
  const known = hash ?? (await dummyHash())
  const isRight = await queue.run(turn, () => Bun.password.verify(candidate, known))
  return isPossible && isRight
}

/** Makes the dummy before the first sign-in, which would otherwise take twice as long. */
export async function warmUpPasswords(): Promise<void> {
  await dummyHash()
}
