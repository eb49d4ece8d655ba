/** The answering side of {@link Ask}: one handler per contract, reachable by NATS and by HTTP alike. */
import { IDENTITY_HEADER, REQUEST_ID_HEADER } from '@mogplex/proto/caller.ts'
import type { Ask, ReplyOf, RequestOf } from '@mogplex/proto/contract.ts'
import type { Issuer } from '@mogplex/proto/services.ts'
import { Elysia } from 'elysia'
import type { AssertionVerifier } from '../assertion/verifier.ts'
import { ApiError } from '../errors.ts'
import type { Log } from '../log.ts'
import { check } from '../validation.ts'
import { rpcPath } from './ask.ts'
import type { Bus } from './connect.ts'
import { ownerOfInbox } from './inbox.ts'

export interface AskContext {
  /** Which process asks; already checked against the contract's callers. */
  issuer: string
  requestId: string
}

export interface Answer {
  contract: Ask
  handle: (request: never, context: AskContext) => Promise<unknown>
}

/** Pairs a contract with its handler; the types of both come from the contract. */
export function answer<Contract extends Ask>(
  contract: Contract,
  handle: (request: RequestOf<Contract>, context: AskContext) => Promise<ReplyOf<Contract>>,
): Answer {
  return { contract, handle }
}

/**
 * Subscribes every answer in the service's queue group, now and after each reconnect, and returns an Elysia
 * plugin that answers the same contracts over HTTP. `verify` must accept service issuers.
 */
export function serveAnswers(options: { bus: Bus; verify: AssertionVerifier; log: Log; answers: Answer[] }) {
  const app = new Elysia({ name: 'rpc' })
  for (const entry of options.answers) {
    const { subject } = entry.contract
    app.post(rpcPath(subject), async ({ request }) => {
      const { headers } = request
      const body = await request.text()
      const question = { body, assertion: headers.get(IDENTITY_HEADER), from: null }
      return Response.json(await run(entry, question, headers.get(REQUEST_ID_HEADER), options))
    })
  }
  const subscribed = new WeakSet<object>()
  options.bus.onConnect(connection => {
    // A reconnect keeps its subscriptions; only a new connection needs them again.
    if (subscribed.has(connection)) return
    subscribed.add(connection)
    for (const entry of options.answers) {
      connection.subscribe(entry.contract.subject, {
        queue: options.bus.serviceName,
        callback: (error, message) => {
          if (error)
            return options.log.warn({
              event: 'rpc.subscription',
              subject: entry.contract.subject,
              err: error,
            })
          const from = ownerOfInbox(message.reply)
          // We may write where the asker may not: the answer goes to its own inbox or nowhere.
          if (!from) return
          const assertion = message.headers?.get(IDENTITY_HEADER) ?? null
          const requestId = message.headers?.get(REQUEST_ID_HEADER) ?? null
          void run(entry, { body: message.string(), assertion, from }, requestId, options).then(answered =>
            message.respond(JSON.stringify(answered)),
          )
        },
      })
    }
  })
  return app
}

interface Question {
  body: string
  assertion: string | null
  /** Whose inbox the answer goes to; null where it goes back on the same connection. */
  from: Issuer | null
}

async function run(
  { contract, handle }: Answer,
  { body, assertion, from }: Question,
  requestId: string | null,
  { verify, log }: { verify: AssertionVerifier; log: Log },
): Promise<Record<string, unknown>> {
  try {
    const claims = await verify(assertion)
    const isCaller = contract.callers.some(caller => caller === claims.iss)
    if (claims.amr !== 'service' || !isCaller || (from !== null && from !== claims.iss)) {
      throw new ApiError('FORBIDDEN', 'Not a caller of this contract')
    }
    const request = check(contract.request, JSON.parse(body))
    return {
      ok: true,
      data: await handle(request as never, { issuer: claims.iss, requestId: requestId ?? '' }),
    }
  } catch (err) {
    if (err instanceof ApiError) return { ok: false, code: err.code, message: err.message }
    log.error({ event: 'rpc.failed', subject: contract.subject, err })
    return { ok: false, code: 'INTERNAL_ERROR', message: 'Internal error' }
  }
}
