/**
 * Requests per second through one gateway process, against one worker of nginx that only passes on, and two that do
 * the same job: they ask who is calling (`auth_request`) and count (`limit_req`). The one asks with identity's own
 * look-up in its database, the other somebody who has it all in a map and would never learn of a revocation. They
 * take turns, so that whatever else the machine does falls on all of them.
 */
import { connectDatabase } from '@mogplex/kit/database/connect.ts'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { findLiveKey } from '../../services/identity/api-keys/store.ts'
import { median } from '../statistics.ts'
import { formatTable, ratio } from '../table.ts'
import { requestsPerSecond, type Target } from './load.ts'
import { proxyTo, startNginx, startUpstream } from './nginx.ts'
import { startScene } from './scene.ts'

const SECONDS = 3

/** Resolves with the table to print. */
export async function measureThroughput({ rounds }: { rounds: number }): Promise<string> {
  const upstream = await startUpstream()
  const scene = await startScene(upstream.url)
  const log = createLog({ process: 'bench', level: 'warn' })
  const { database, close } = await connectDatabase({
    ...{ url: scene.identityDatabaseUrl, applicationName: 'bench', log },
  })
  const identity = answerWhoCalls(async hash => (await findLiveKey(database, hash, new Date())) !== null)
  const known = new Set([sha256Hex(scene.token)])
  const map = answerWhoCalls(hash => known.has(hash))
  const bare = await startNginx(proxyTo(upstream.url))
  const alike = await startNginx(withTheSameJob(upstream.url, identity.url.href))
  const cheapest = await startNginx(withTheSameJob(upstream.url, map.url.href))
  const { headers } = scene.gateway
  const path = new URL(scene.gateway.url).pathname
  const targets: Record<string, Target> = {
    gateway: scene.gateway,
    'gateway, none alike': { ...scene.gateway, isVaried: true },
    'nginx, proxy_pass': { url: bare.url + path, headers },
    'nginx, the same job': { url: alike.url + path, headers },
    'nginx, asking a map': { url: cheapest.url + path, headers },
    'upstream alone': { url: upstream.url + path, headers },
  }
  const figures = Object.fromEntries(Object.keys(targets).map(name => [name, [] as number[]]))
  for (const target of Object.values(targets)) await requestsPerSecond(target, 2)
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, target] of Object.entries(targets))
      figures[name]?.push(await requestsPerSecond(target, SECONDS))
    console.log(`gateway throughput: round ${round} of ${rounds}`)
  }
  for (const part of [bare, alike, cheapest, upstream]) await part.stop()
  for (const server of [identity, map]) await server.stop(true)
  await close()
  await scene.stop()
  return tableOf(figures, rounds)
}

/** What nginx asks by HTTP. Everything but the look-up is as cheap as it can be. */
function answerWhoCalls(isLive: (tokenHash: string) => boolean | Promise<boolean>) {
  return Bun.serve({
    ...{ port: 0, hostname: '127.0.0.1' },
    fetch: async request => {
      const sent = request.headers.get('authorization')?.slice('Bearer '.length) ?? ''
      return new Response(null, { status: (await isLive(sha256Hex(sent))) ? 204 : 401 })
    },
  })
}

function withTheSameJob(upstream: string, identity: string) {
  const proxy = proxyTo(upstream, 'auth_request /who;\n      limit_req zone=tokens burst=1000000 nodelay;')
  return {
    http: `${proxy.http}
  upstream who { server ${new URL(identity).host}; keepalive 128; keepalive_requests 100000000; }
  limit_req_zone $http_authorization zone=tokens:10m rate=1000000r/s;`,
    server: `${proxy.server}
    location = /who {
      internal;
      proxy_pass http://who;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }`,
  }
}

function tableOf(figures: Record<string, number[]>, rounds: number): string {
  const gateway = figures.gateway ?? []
  const rows = Object.entries(figures).map(([name, values]) => {
    // Of each round, which had the same neighbours, and not of the medians.
    const ratios = values.map((value, index) => (gateway[index] ?? Number.NaN) / value)
    return [name, Math.round(median(values)).toString(), ratio(median(ratios))]
  })
  const title = `Requests per second: authenticated, scoped, limited; 2 KiB JSON, 64 connections (medians of ${rounds})`
  return formatTable(title, ['', 'requests/s', 'gateway ÷'], rows)
}
