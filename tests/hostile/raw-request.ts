/** Requests as only somebody with bad intentions sends them: any `Host`, and from any address of loopback. */
import { type IncomingMessage, request } from 'node:http'

export interface RawRequest {
  method?: string
  headers?: Record<string, string>
  json?: unknown
  /** Which address of this machine it comes from. */
  from?: string
}

export interface RawAnswer {
  status: number
  headers: IncomingMessage['headers']
  text: string
  /** Of a JSON object; empty otherwise. */
  body: Record<string, unknown>
}

/** To the instance on `port` of 127.0.0.1. */
export function sendRaw(port: number, path: string, options: RawRequest = {}): Promise<RawAnswer> {
  const { method = 'GET', headers = {}, json, from } = options
  const body = json === undefined ? '' : JSON.stringify(json)
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ host: '127.0.0.1', port, path, method, agent: false },
        ...(from ? { localAddress: from } : {}),
        headers: {
          host: `127.0.0.1:${port}`,
          ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}),
          ...headers,
        },
      },
      answer => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', chunk => {
          text += chunk
        })
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, body: objectIn(text) }),
        )
        answer.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
  } catch {
    return {}
  }
}
