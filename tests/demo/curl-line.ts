/** A request as the line a person would type for it. */

export interface DemoRequest {
  method: 'GET' | 'POST' | 'PUT'
  /** Below the instance's address. */
  path: string
  /** What says who asks; `new-cookie` keeps the session that the answer starts. */
  as: 'new-cookie' | 'cookie' | 'token'
  json?: Record<string, unknown>
  headers?: Record<string, string>
}

/** Columns of a terminal; what is longer goes on in the next line. */
const WIDTH = 96
const CONTINUED = ' \\\n      '

/**
 * A line for the shell, given `URL`, `TOKEN` and the cookie jar of the lines before. Of each of `secrets`
 * only the beginning is shown.
 */
export function curlLine(request: DemoRequest, secrets: readonly string[] = []): string {
  const words = [
    'curl -s',
    ...(request.headers?.accept === 'text/event-stream' ? ['-N'] : []),
    ...(request.as === 'new-cookie' ? ['-c cookies.txt'] : []),
    ...(request.as === 'cookie' ? ['-b cookies.txt'] : []),
    ...methodWords(request),
    `$URL${request.path}`,
    ...(request.as === 'token' ? ['-H "authorization: Bearer $TOKEN"'] : []),
    ...Object.entries(headersOf(request)).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(request.json ? [`-d ${quoted(JSON.stringify(request.json))}`] : []),
  ]
  return secrets.reduce((line, secret) => line.replaceAll(secret, shortened(secret)), wrapped(words))
}

/** Headers of the request besides those that say who asks. */
export function headersOf({ json, headers }: DemoRequest): Record<string, string> {
  return { ...(json ? { 'content-type': 'application/json' } : {}), ...headers }
}

/** Enough of a secret to recognise it. */
export function shortened(secret: string): string {
  return `${secret.slice(0, 7)}…`
}

/** curl's own choice is POST with a body and GET without. */
function methodWords({ method, json }: DemoRequest): string[] {
  return method === (json ? 'POST' : 'GET') ? [] : [`-X ${method}`]
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function wrapped(words: readonly string[]): string {
  const lines: string[] = []
  for (const word of words) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + word.length < WIDTH) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.join(CONTINUED)
}
