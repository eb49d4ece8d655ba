/** Who calls, once it is known (gateway spec 2). */
import type { AssertedCaller } from '@mogplex/kit/assertion/signer.ts'
import type { Scope } from '@mogplex/proto/caller.ts'

export type Caller =
  | { mode: 'pat'; userId: string; keyId: string; scopes: Scope[] }
  | { mode: 'session'; userId: string; sessionId: string }
  | { mode: 'anonymous' }

export const ANONYMOUS: Caller = { mode: 'anonymous' }

const BOTH_SCOPES: Scope[] = ['read', 'write']

/** The scopes a caller holds; somebody at a browser holds both (gateway spec 5). */
export function scopesOf(caller: Caller): Scope[] {
  if (caller.mode === 'pat') return caller.scopes
  return caller.mode === 'session' ? BOTH_SCOPES : []
}

/** The caller as services are told of it (gateway spec 9). */
export function assertedCaller(caller: Caller): AssertedCaller {
  const scp = scopesOf(caller)
  switch (caller.mode) {
    case 'pat':
      return { amr: 'pat', sub: caller.userId, pat: caller.keyId, scp }
    case 'session':
      return { amr: 'session', sub: caller.userId, sid: caller.sessionId, scp }
    case 'anonymous':
      return { amr: 'anonymous', scp }
  }
}
