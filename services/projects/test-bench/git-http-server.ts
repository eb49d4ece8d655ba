/** Git over HTTP on the loopback address, by git's own CGI program, with a password in front of it. */
import { afterAll } from 'bun:test'

export interface GitHttpServer {
  /** `http://127.0.0.1:port` */
  url: string
  /** `Authorization` headers it was sent, null for none. */
  authorizations: (string | null)[]
}

/** Serves the repositories under `root`; with `credential`, to nobody else. Ends after the test file. */
export function useGitHttpServer(
  root: string,
  credential: { username: string; token: string } | null,
): GitHttpServer {
  const expected = credential ? `Basic ${btoa(`${credential.username}:${credential.token}`)}` : null
  const authorizations: (string | null)[] = []
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: request => {
      const sent = request.headers.get('authorization')
      authorizations.push(sent)
      if (expected === null || sent === expected) return runBackend(request, root)
      return new Response('Unauthorized', {
        status: 401,
        headers: { 'www-authenticate': 'Basic realm="git"' },
      })
    },
  })
  afterAll(() => server.stop(true))
  return { url: `http://127.0.0.1:${server.port}`, authorizations }
}

/** One CGI call: headers, a blank line, the body. */
async function runBackend(request: Request, root: string): Promise<Response> {
  const url = new URL(request.url)
  const child = Bun.spawn(['git', 'http-backend'], {
    stdin: await request.arrayBuffer().then(body => new Uint8Array(body)),
    env: {
      PATH: process.env.PATH ?? '',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      GIT_PROTOCOL: request.headers.get('git-protocol') ?? '',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers.get('content-type') ?? '',
      HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '',
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_USER: 'test',
    },
  })
  const output = Buffer.from(await new Response(child.stdout).arrayBuffer())
  const end = output.indexOf('\r\n\r\n')
  const headers = new Headers()
  for (const line of output.subarray(0, end).toString().split('\r\n')) {
    const [name = '', value = ''] = line.split(': ')
    if (name) headers.append(name, value)
  }
  const status = Number.parseInt(headers.get('status') ?? '200', 10)
  headers.delete('status')
  return new Response(output.subarray(end + 4), { status, headers })
}
