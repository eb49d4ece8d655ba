/** One request to GitHub and its whole answer. The token goes to the API's own origin and nowhere else. */

export interface Exchange {
  method: 'GET' | 'POST'
  url: string
  token: string
  body: unknown
  signal: AbortSignal
}

export interface ExchangeAnswer {
  status: number
  headers: Headers
  text: string
}

/** A page of a hundred repositories is some 600 KB. */
const MAX_BYTES = 8 * 1_024 * 1_024
const MAX_REDIRECTS = 3

/** Throws for what is no HTTP answer, for one that is too long, and for a redirect that leads elsewhere. */
export async function exchange(request: Exchange): Promise<ExchangeAnswer> {
  let url = request.url
  for (let redirects = 0; ; redirects += 1) {
    const response = await send(request, url)
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return readAnswer(response)
    await response.body?.cancel()
    const next = new URL(location, url)
    const isFollowed = request.method === 'GET' && next.origin === new URL(url).origin
    if (!isFollowed || redirects === MAX_REDIRECTS) throw new Error('GitHub redirects to where we do not go')
    url = next.href
  }
}

function send({ method, token, body, signal }: Exchange, url: string): Promise<Response> {
  return fetch(url, {
    method,
    signal,
    // Followed by fetch, a redirect would carry the token to whoever it names.
    redirect: 'manual',
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token}`,
      'user-agent': 'mogplex-selfhost',
      'x-github-api-version': '2022-11-28',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

async function readAnswer(response: Response): Promise<ExchangeAnswer> {
  const decoder = new TextDecoder()
  let [text, bytes] = ['', 0]
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) throw new Error(`GitHub's answer is longer than ${MAX_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return { status: response.status, headers: response.headers, text: text + decoder.decode() }
}
