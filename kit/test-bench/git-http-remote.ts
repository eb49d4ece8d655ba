/** A real git HTTP server with a password: `git http-backend` behind Bun. Loaded by tests only. */
import { dirname } from 'node:path'

interface Login {
  username: string
  token: string
}

export interface HttpRemote {
  /** `http://127.0.0.1:<port>` */
  origin: string
  /** `Authorization` of every request, null where there was none. */
  authorizations: (string | null)[]
  /** Whether who logs in with this may come in; null lets everybody in. */
  accepts: ((login: Login) => boolean) | null
  /** Called with every request that got past the password; what it returns is answered instead. */
  intercept: (request: Request) => Promise<Response | null>
  stop(): Promise<void>
}

/** Serves the bare repositories below `directory`; with `credential`, only to those who show it. */
export function serveHttpRemote(directory: string, credential: Login | null): HttpRemote {
  const remote: HttpRemote = {
    origin: '',
    authorizations: [],
    accepts:
      credential && (({ username, token }) => username === credential.username && token === credential.token),
    intercept: async () => null,
    stop: () => server.stop(true),
  }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 60,
    async fetch(request) {
      const authorization = request.headers.get('authorization')
      remote.authorizations.push(authorization)
      if (remote.accepts && !remote.accepts(loginOf(authorization))) {
        return new Response('no', { status: 401, headers: { 'www-authenticate': 'Basic realm="git"' } })
      }
      return (await remote.intercept(request)) ?? (await runBackend(directory, request))
    },
  })
  remote.origin = `http://127.0.0.1:${server.port}`
  return remote
}

function loginOf(authorization: string | null): Login {
  const [username = '', ...rest] = atob(authorization?.replace(/^Basic /, '') ?? '').split(':')
  return { username, token: rest.join(':') }
}

async function runBackend(directory: string, request: Request): Promise<Response> {
  const url = new URL(request.url)
  const backend = Bun.spawn(['git', 'http-backend'], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: dirname(directory),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_PROJECT_ROOT: directory,
      GIT_HTTP_EXPORT_ALL: '1',
      REMOTE_USER: 'tester',
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers.get('content-type') ?? '',
      HTTP_CONTENT_ENCODING: request.headers.get('content-encoding') ?? '',
      HTTP_GIT_PROTOCOL: request.headers.get('git-protocol') ?? '',
    },
    stdin: new Blob([await request.arrayBuffer()]),
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const answer = Buffer.from(await new Response(backend.stdout).arrayBuffer())
  const end = answer.indexOf('\r\n\r\n')
  const headers = new Headers()
  for (const line of answer.subarray(0, end).toString().split('\r\n')) {
    const colon = line.indexOf(':')
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  const status = Number(headers.get('status')?.slice(0, 3) ?? 200)
  headers.delete('status')
  return new Response(answer.subarray(end + 4), { status, headers })
}
