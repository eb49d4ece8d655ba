/**
 * Who may make an account, and above all the first one: whoever makes that has the instance, so it must be
 * whoever runs it (identity spec 2).
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { isLoopbackHost } from '@mogplex/kit/loopback.ts'
import type { IdentityConfig } from '../environment.ts'
import { hasAnyUser } from '../users/store.ts'
import { lockSignUp } from './store.ts'

/** What speaks for the person who wants an account. */
export interface SignUpProof {
  /** The request was made on the machine of the gateway. */
  isLocal: boolean
  /** The code that came with it; null for none. */
  code: string | null
}

type Settings = Pick<IdentityConfig, 'AUTH_SIGNUP' | 'AUTH_SIGNUP_CODE' | 'PUBLIC_BASE_URL'>

/**
 * Whether this is somebody who runs the instance: by the code, or because nobody else can reach it. Others can
 * where it has a public address, even if this request came another way.
 */
export function isOperator(config: Settings, { isLocal, code }: SignUpProof): boolean {
  if (isLocal && isLoopbackHost(new URL(config.PUBLIC_BASE_URL).hostname)) return true
  return code !== null && config.AUTH_SIGNUP_CODE !== undefined && isSame(code, config.AUTH_SIGNUP_CODE)
}

/** In constant time, whatever their lengths. */
function isSame(shown: string, expected: string): boolean {
  const [one, other] = [shown, expected].map(text => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}

export type SignUpDecision =
  | { refused: 'closed' | 'code-needed' }
  /** `hostAccess`: the new user may use this machine's repositories and network. */
  | { refused: null; hostAccess: boolean }

/**
 * To be asked in the transaction that makes the user. While there is nobody, one such transaction waits for the
 * other: of simultaneous first sign-ups one is the first.
 */
export async function decideSignUp(
  tx: Transaction,
  config: Settings,
  proof: SignUpProof,
): Promise<SignUpDecision> {
  if (config.AUTH_SIGNUP === 'closed') return { refused: 'closed' }
  if (!(await isFirst(tx)))
    return config.AUTH_SIGNUP === 'open' ? { refused: null, hostAccess: false } : { refused: 'closed' }
  const hostAccess = isOperator(config, proof)
  return config.AUTH_SIGNUP === 'open' || hostAccess
    ? { refused: null, hostAccess }
    : { refused: 'code-needed' }
}

async function isFirst(tx: Transaction): Promise<boolean> {
  if (await hasAnyUser(tx)) return false
  await lockSignUp(tx)
  return !(await hasAnyUser(tx))
}
