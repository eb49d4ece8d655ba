/** The answering side of {@link Ask}: one handler per contract, reachable by NATS and by HTTP alike. */
import { IDENTITY_HEADER, REQUEST_ID_HEADER } from '@mogplex/proto/caller.ts'
import type { Ask, ReplyOf, RequestOf } from '@mogplex/proto/contract.ts'
import { Elysia } from 'elysia'
import type { AssertionVerifier } from '../assertion/verifier.ts'
import { ApiError } from '../errors.ts'
import type { Log } from '../log.ts'
import { check } from '../validation.ts'
import { rpcPath } from './ask.ts'
import type { Bus } from './connect.ts'

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
      return Response.json(
        await run(entry, body, headers.get(IDENTITY_HEADER), headers.get(REQUEST_ID_HEADER), options),
      )
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
          const assertion = message.headers?.get(IDENTITY_HEADER) ?? null
          const requestId = message.headers?.get(REQUEST_ID_HEADER) ?? null
          void run(entry, message.string(), assertion, requestId, options).then(reply =>
            message.respond(JSON.stringify(reply)),
          )
        },
      })
    }
  })
  return app
}

async function run(
  { contract, handle }: Answer,
  body: string,
  assertion: string | null,
  requestId: string | null,
  { verify, log }: { verify: AssertionVerifier; log: Log },
): Promise<Record<string, unknown>> {
  try {
    const claims = await verify(assertion)
    if (claims.amr !== 'service' || !contract.callers.some(caller => caller === claims.iss)) {
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
