/** Asks identity about a credential only when no answer is kept that may be used. */
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import type { Soon } from '@mogplex/kit/soon.ts'
import { matches } from '@mogplex/kit/validation.ts'
import type { Ask, ReplyOf, RequestOf } from '@mogplex/proto/contract.ts'
import { resolvePat, resolveSession } from '@mogplex/proto/identity.ts'
import { Type } from '@sinclair/typebox'
import type { Kept, KeptAnswers } from './answers.ts'

const ABOUT_CREDENTIALS: ReadonlySet<Ask> = new Set<Ask>([resolvePat, resolveSession])

/** The only answers worth keeping: nothing about bad credentials, and no cookie that is meant for one. */
const Keepable = Type.Object({
  status: Type.Literal('valid'),
  usableForMs: Type.Integer({ minimum: 0 }),
  userId: Type.String(),
  keyId: Type.Optional(Type.String()),
  sessionId: Type.Optional(Type.String()),
  replacementCookie: Type.Optional(Type.Null()),
})

/** An {@link Asker} that answers at once where it knows. */
export type CachingAsker = <Contract extends Ask>(
  contract: Contract,
  request: RequestOf<Contract>,
  context?: { userId?: string; requestId?: string },
) => Soon<ReplyOf<Contract>>

export interface CachingAskerOptions {
  ask: Asker
  answers: KeptAnswers<unknown>
  /** The lease's. */
  clock: () => number
}

/** Like `ask` for every other question. */
export function createCachingAsker(options: CachingAskerOptions): CachingAsker {
  const { ask, answers, clock } = options
  return (contract, request, context) => {
    if (!ABOUT_CREDENTIALS.has(contract)) return ask(contract, request, context)
    const key = keyOf(contract, request.tokenHash)
    const known = answers.find(key, clock())
    // Kept under this contract's subject, so once checked as one of its replies.
    if (known !== null) return known as ReplyOf<typeof contract>
    return lookUp(options, key, () => ask(contract, request, context))
  }
}

/** The text of a token in a session cookie is no session. */
function keyOf({ subject }: Ask, tokenHash: unknown): string {
  return subject === resolvePat.subject ? String(tokenHash) : `${subject} ${tokenHash}`
}

async function lookUp<Reply>(
  { answers, clock }: CachingAskerOptions,
  key: string,
  ask: () => Promise<Reply>,
): Promise<Reply> {
  const lookup = answers.begin(key, clock())
  try {
    const reply = await ask()
    const kept = keepable(reply)
    if (kept) answers.fill(lookup, kept, clock())
    return reply
  } finally {
    answers.end(lookup)
  }
}

function keepable(reply: unknown): Kept<unknown> | null {
  if (!matches(Keepable, reply)) return null
  const { userId, keyId, sessionId, usableForMs } = reply
  const credentialId = keyId ?? sessionId
  return credentialId === undefined ? null : { answer: reply, ids: [credentialId, userId], usableForMs }
}
