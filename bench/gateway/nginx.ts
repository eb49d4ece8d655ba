/** nginx as a peer and as an upstream that costs next to nothing. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort } from '@mogplex/kit/processes/free-port.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { atExit, temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'

export interface RunningNginx {
  url: string
  pid: number
  stop: () => Promise<void>
}

/**
 * One worker on a free port of 127.0.0.1. `http` is put into the `http` block and `server` into the only
 * server's; neither writes a log. Ended at the latest with this process, whatever a measurement throws.
 */
export async function startNginx(parts: { http?: string; server: string }): Promise<RunningNginx> {
  const directory = temporaryDirectory('nginx')
  const port = await findFreePort()
  const file = join(directory, 'nginx.conf')
  writeFileSync(file, configOf(directory, port, parts))
  const command = ['nginx', '-p', directory, '-c', file, '-e', 'stderr', '-g', 'daemon off;']
  const child = Bun.spawn(command, { stdout: 'ignore', stderr: 'inherit' })
  atExit(() => child.kill('SIGTERM'))
  const url = `http://127.0.0.1:${port}`
  const isUp = () =>
    fetch(`${url}/up`).then(
      ({ ok }) => ok,
      () => false,
    )
  if (!(await waitUntil(isUp, { limitMs: 10_000 }))) throw new Error('nginx did not start')
  return {
    ...{ url, pid: child.pid },
    stop: async () => {
      child.kill('SIGTERM')
      await child.exited
    },
  }
}

function configOf(directory: string, port: number, { http = '', server }: { http?: string; server: string }) {
  return `
worker_processes 1;
pid ${directory}/pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 100000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${directory}/${kind};`).join('\n  ')}
  ${http}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /up { return 200 'up'; }
    ${server}
  }
}
`
}

/** The upstream: 2 KiB of JSON to every question, from memory. */
export function startUpstream(): Promise<RunningNginx> {
  const json = JSON.stringify({ ok: true, data: { filler: 'x'.repeat(2_048 - 34) } })
  return startNginx({ server: `location / { default_type application/json; return 200 '${json}'; }` })
}

/** nginx in front of `upstream`, with its connections kept, as it is at its best. */
export const proxyTo = (upstream: string, more = '') => ({
  http: `upstream service { server ${new URL(upstream).host}; keepalive 128; keepalive_requests 100000000; }`,
  server: `location / {
      ${more}
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }`,
})
