/** One request of a sandbox, carried to its endpoint and the answer back. */
import { type Agent, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http'
import { request as requestHttps } from 'node:https'
import { pipeline } from 'node:stream'
import type { EndpointCredential } from '../provider.ts'
import { answerHeaders, requestHeaders } from './headers.ts'
import { limitBytes } from './limit-bytes.ts'
import { vetTarget } from './target.ts'
import { containsSecret, withholdSecret } from './withhold.ts'

export interface Upstream {
  base: URL
  /** Its path, without a slash at the end. */
  basePath: string
  credential: EndpointCredential | null
  agent: Agent
}

/** What went wrong with a request, without anything that was in it. */
export type Trouble = 'refused' | 'unreachable' | 'unusable-answer'

export type OnTrouble = (trouble: Trouble, detail: string) => void

/** More than any provider takes. */
const MAX_BODY_BYTES = 64 * 1024 ** 2
const CONNECT_TIMEOUT_MS = 15_000

export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  upstream: Upstream,
  onTrouble: OnTrouble,
): void {
  const answer = answerOnce(response, onTrouble)
  const target = vetTarget(request.method ?? '', request.url ?? '', upstream.basePath)
  if ('refusal' in target) {
    answer.refuse('refused', target.status, target.refusal)
    return
  }
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    answer.refuse(...TOO_LONG)
    return
  }

  const outgoing = openRequest(request, target.path, upstream)
  const giveUp = () => answer.refuse('unreachable', 502, 'the endpoint does not answer')
  limitConnecting(outgoing, giveUp)
  outgoing.on('error', error =>
    answer.refuse('unreachable', 502, `the endpoint cannot be reached: ${codeOf(error)}`),
  )
  outgoing.on('response', incoming => {
    if (isReadable(incoming)) answer.send(incoming, upstream.credential?.secret ?? null)
    else answer.refuse('unusable-answer', 502, 'the endpoint compressed its answer, unasked')
  })
  // Answered, or whoever asked is gone, or the sandbox is: nothing more is wanted of the endpoint.
  response.on('close', () => outgoing.destroy())
  const limit = limitBytes(MAX_BODY_BYTES, () => answer.refuse(...TOO_LONG))
  pipeline(request, limit, outgoing, error => {
    if (error) outgoing.destroy()
  })
}

const TOO_LONG = ['refused', 413, `not forwarded: longer than ${MAX_BODY_BYTES} bytes`] as const

type OutgoingRequest = ReturnType<typeof requestHttp>

function openRequest(request: IncomingMessage, path: string, upstream: Upstream): OutgoingRequest {
  const { base, credential, agent } = upstream
  return (base.protocol === 'https:' ? requestHttps : requestHttp)({
    agent,
    protocol: base.protocol,
    hostname: base.hostname.replace(/^\[|\]$/g, ''),
    port: base.port,
    method: request.method,
    path,
    headers: { host: base.host, ...requestHeaders(request.rawHeaders, credential) },
  })
}

function limitConnecting(outgoing: OutgoingRequest, giveUp: () => void): void {
  outgoing.on('socket', socket => {
    if (!socket.connecting) return
    const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS)
    const stop = () => clearTimeout(timer)
    socket.once('connect', stop).once('close', stop)
  })
}

/** The first of the two to be called decides; what is left of the other is dropped. */
function answerOnce(response: ServerResponse, onTrouble: OnTrouble) {
  let isAnswered = false
  const isFirst = () => {
    if (isAnswered || response.destroyed) return false
    isAnswered = true
    return true
  }
  return {
    send(incoming: IncomingMessage, secret: string | null): void {
      if (!isFirst()) return
      const headers = answerHeaders(incoming.rawHeaders, value => containsSecret(value, secret))
      response.writeHead(incoming.statusCode ?? 502, headers)
      // At once: the client may act on the status long before the first byte of a stream.
      response.flushHeaders()
      pipeline(incoming, withholdSecret(secret), response, error => {
        // An answer that breaks off must not look complete.
        if (error) response.destroy()
      })
    },
    /** In the words in which the providers tell their clients of errors. */
    refuse(trouble: Trouble, status: number, message: string): void {
      if (!isFirst()) return
      onTrouble(trouble, message)
      const type =
        status === 403 ? 'permission_error' : status === 502 ? 'api_error' : 'invalid_request_error'
      // The rest of the request is not read, so nothing may follow it.
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
      response.end(JSON.stringify({ type: 'error', error: { type, message: `mogplex: ${message}` } }))
    },
  }
}

/** What is compressed could not be searched. */
function isReadable(incoming: IncomingMessage): boolean {
  const coding = incoming.headers['content-encoding']?.trim().toLowerCase()
  return !coding || coding === 'identity'
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name
}
