/**
 * Questions between services (design, "Between services"): NATS request/reply, and the same question by
 * HTTP straight to the owner while NATS is away, so that an outage of NATS never stops accepted work.
 */
import { IDENTITY_HEADER, REQUEST_ID_HEADER } from '@mogplex/proto/caller.ts'
import type { Ask, ReplyOf, RequestOf } from '@mogplex/proto/contract.ts'
import { type ErrorCode, STATUS_BY_CODE } from '@mogplex/proto/errors.ts'
import { SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import { headers as natsHeaders, TimeoutError } from '@nats-io/transport-node'
import { Type } from '@sinclair/typebox'
import type { AssertionSigner } from '../assertion/signer.ts'
import { ApiError, unavailable } from '../errors.ts'
import { fetchFrom } from '../http/service-address.ts'
import { matches } from '../validation.ts'
import type { Bus } from './connect.ts'

/** How a reply travels: the answer, or the error the handler threw. */
export const ReplyEnvelope = Type.Union([
  Type.Object({ ok: Type.Literal(true), data: Type.Unknown() }),
  Type.Object({ ok: Type.Literal(false), code: Type.String(), message: Type.String() }),
])

export type Asker = <Contract extends Ask>(
  contract: Contract,
  request: RequestOf<Contract>,
  context?: { userId?: string; requestId?: string },
) => Promise<ReplyOf<Contract>>

const SILENCE = Symbol('not answered')
const NATS_REST_MS = 5_000

/** Where each service answers HTTP; the gateway and services know these from their settings. */
export type ServiceUrls = Record<ServiceName, string>

/** The HTTP path under which a contract is answered. */
export function rpcPath(subject: string): string {
  return `/rpc/${subject}`
}

/**
 * `ask(contract, request)` resolves with the reply, or throws the {@link ApiError} the owner threw, or 503
 * when the owner does not answer within the contract's deadline, by NATS and then by HTTP.
 */
export function createAsker(options: { bus: Bus; sign: AssertionSigner; urls: ServiceUrls }): Asker {
  const byNats = nats(options.bus)
  return async (contract, request, context = {}) => {
    const owner = ownerOf(contract.subject)
    const scp: ('read' | 'write')[] = []
    const assertion = await options.sign(owner, {
      amr: 'service',
      scp,
      ...(context.userId ? { sub: context.userId } : {}),
    })
    const send = { contract, body: JSON.stringify(request), assertion, requestId: context.requestId ?? '' }
    const text = (await byNats(send)) ?? (await askByHttp(options.urls[owner], send))
    return readReply(contract, text)
  }
}

/**
 * A NATS that is there but carries nothing looks like an owner that does not answer, until its pings have
 * failed for a while. So silence is followed by the question over HTTP, and by a time without NATS: only the
 * first to notice waits.
 */
function nats(bus: Bus) {
  let silentUntilMs = 0
  return async (send: Send): Promise<string | null> => {
    if (performance.now() < silentUntilMs) return null
    const reply = await askByNats(bus, send)
    if (reply !== SILENCE) return reply
    silentUntilMs = performance.now() + NATS_REST_MS
    return null
  }
}

interface Send {
  contract: Ask
  body: string
  assertion: string
  requestId: string
}

/** Null when NATS cannot carry the question now. */
async function askByNats(
  bus: Bus,
  { contract, body, assertion, requestId }: Send,
): Promise<string | null | typeof SILENCE> {
  const connection = bus.connection()
  if (!connection) return null
  const headers = natsHeaders()
  headers.set(IDENTITY_HEADER, assertion)
  headers.set(REQUEST_ID_HEADER, requestId)
  try {
    const reply = await connection.request(contract.subject, body, { timeout: contract.deadlineMs, headers })
    return reply.string()
  } catch (cause) {
    // A connection that broke under the question is like no connection; the contracts are safe to repeat.
    if (bus.connection() === null || isNoResponders(cause)) return null
    if (cause instanceof TimeoutError) return SILENCE
    throw notAnswering(contract, cause)
  }
}

function isNoResponders(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'NoRespondersError' || /no responders/i.test(error.message))
  )
}

async function askByHttp(address: string, { contract, body, assertion, requestId }: Send): Promise<string> {
  try {
    const response = await fetchFrom(address, rpcPath(contract.subject), {
      method: 'POST',
      body,
      headers: {
        [IDENTITY_HEADER]: assertion,
        [REQUEST_ID_HEADER]: requestId,
        'content-type': 'application/json',
      },
      signal: AbortSignal.timeout(contract.deadlineMs),
      redirect: 'manual',
    })
    if (response.status !== 200) throw new Error(`status ${response.status}`)
    return await response.text()
  } catch (cause) {
    throw notAnswering(contract, cause)
  }
}

function readReply<Contract extends Ask>(contract: Contract, text: string): ReplyOf<Contract> {
  const envelope: unknown = JSON.parse(text)
  if (!matches(ReplyEnvelope, envelope)) throw notAnswering(contract, new Error('unreadable reply'))
  if (!envelope.ok) throw new ApiError(knownCode(envelope.code), envelope.message)
  if (!matches(contract.reply, envelope.data))
    throw notAnswering(contract, new Error('reply of another shape'))
  return envelope.data as ReplyOf<Contract>
}

function knownCode(code: string): ErrorCode {
  return code in STATUS_BY_CODE ? (code as ErrorCode) : 'INTERNAL_ERROR'
}

function ownerOf(subject: string): ServiceName {
  const owner = SERVICE_NAMES.find(name => subject.startsWith(`rpc.${name}.`))
  if (!owner) throw new Error(`no service owns ${subject}`)
  return owner
}

function notAnswering(contract: Ask, cause: unknown): ApiError {
  const owner = ownerOf(contract.subject)
  return unavailable(`The ${owner} service does not answer`, { cause })
}
