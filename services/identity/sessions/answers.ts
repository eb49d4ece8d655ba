/** What the gateway asks about session cookies (identity spec 9). */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { resolveSession } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { resolveSessionToken } from './resolve.ts'

export function sessionAnswers(kit: IdentityKit): Answer[] {
  return [answer(resolveSession, ({ tokenHash }) => resolveSessionToken(kit, tokenHash, new Date()))]
}
