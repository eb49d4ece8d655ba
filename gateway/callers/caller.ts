/** Who calls, once it is known (gateway spec 2). */
import type { AssertedCaller } from '@mogplex/kit/assertion/signer.ts'
import type { Scope } from '@mogplex/proto/caller.ts'

export type Caller =
  | { mode: 'pat'; userId: string; keyId: string; scopes: Scope[] }
  | { mode: 'session'; userId: string; sessionId: string }
  /** Test mode; nobody in particular on a `testonly` route, a user everywhere else. */
  | { mode: 'test'; userId: string | null }
  | { mode: 'anonymous' }
  | { mode: 'webhook' }
  | { mode: 'cron' }

export const ANONYMOUS: Caller = { mode: 'anonymous' }
export const WEBHOOK: Caller = { mode: 'webhook' }
export const CRON: Caller = { mode: 'cron' }

const BOTH_SCOPES: Scope[] = ['read', 'write']

/** The scopes a caller holds; somebody at a browser, real or in a test, holds both (gateway spec 5). */
export function scopesOf(caller: Caller): Scope[] {
  if (caller.mode === 'pat') return caller.scopes
  return caller.mode === 'session' || caller.mode === 'test' ? BOTH_SCOPES : []
}

const asserted = new WeakMap<Caller, AssertedCaller>()

/** The caller as services are told of it (gateway spec 9); the same object for the same caller. */
export function assertedCaller(caller: Caller): AssertedCaller {
  let known = asserted.get(caller)
  if (!known) {
    known = assert(caller)
    asserted.set(caller, known)
  }
  return known
}

function assert(caller: Caller): AssertedCaller {
  const scp = scopesOf(caller)
  switch (caller.mode) {
    case 'pat':
      return { amr: 'pat', sub: caller.userId, pat: caller.keyId, scp }
    case 'session':
      return { amr: 'session', sub: caller.userId, sid: caller.sessionId, scp }
    case 'test':
      return { amr: 'test', ...(caller.userId === null ? {} : { sub: caller.userId }), scp }
    case 'anonymous':
    case 'webhook':
    case 'cron':
      return { amr: caller.mode, scp }
  }
}
