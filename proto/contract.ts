/**
 * The shape of a message contract between services (design, "Between services"). Subjects are
 * `rpc.<service>.<noun>.<verb>` (ask), `evt.<service>.<noun>.<verb>` (tell), `live.<noun>.<id>` (wake).
 */
import type { Static, TObject, TSchema } from '@sinclair/typebox'
import type { Issuer } from './services.ts'

/** A question one service answers and named others may ask. */
export interface Ask<Request extends TObject = TObject, Reply extends TSchema = TSchema> {
  subject: `rpc.${string}`
  /** Who may ask; everybody else is refused before the handler runs (gateway spec 9). */
  callers: readonly Issuer[]
  request: Request
  reply: Reply
  /** How long the asker waits before it reports the owner as unavailable. */
  deadlineMs: number
}

/** A fact a service tells everybody, at least once, in order per key. No secret is ever in it. */
export interface Tell<Payload extends TObject = TObject> {
  subject: `evt.${string}`
  payload: Payload
}

export type RequestOf<Contract> = Contract extends Ask<infer Request, TSchema> ? Static<Request> : never
export type ReplyOf<Contract> = Contract extends Ask<TObject, infer Reply> ? Static<Reply> : never
export type PayloadOf<Event> = Event extends Tell<infer Payload> ? Static<Payload> : never

/** Declares an {@link Ask}; the deadline is 2 s unless stated. */
export function ask<Request extends TObject, Reply extends TSchema>(
  subject: `rpc.${string}`,
  contract: { callers: readonly Issuer[]; request: Request; reply: Reply; deadlineMs?: number },
): Ask<Request, Reply> {
  return { deadlineMs: 2_000, ...contract, subject }
}

/** Declares a {@link Tell}. */
export function tell<Payload extends TObject>(subject: `evt.${string}`, payload: Payload): Tell<Payload> {
  return { subject, payload }
}
