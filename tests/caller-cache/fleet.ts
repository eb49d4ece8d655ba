/**
 * Three gateways and two replicas of identity as real processes, on a real NATS with the product's
 * permissions and a real Postgres, for tests of what holds between them.
 */
import { join } from 'node:path'
import { newId, sha256Hex } from '@mogplex/kit/ids.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { atExit } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { createTestIssuers } from '@mogplex/kit/test-bench/issuers.ts'
import { useNats } from '@mogplex/kit/test-bench/nats.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { makeNatsSeeds } from '@mogplex/local/keys.ts'
import { natsUsers } from '@mogplex/local/nats-permissions.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import postgres from 'postgres'
import { OPEN_DOORS } from '../system/accounts.ts'

const ROOT = join(import.meta.dir, '../..')
const GATEWAYS = 3

export interface RunningProcess {
  url: string
  child: Bun.Subprocess
}

export interface FleetOptions {
  /** The same for all gateways. */
  gatewaySettings?: Record<string, string>
  /** Three unless said. */
  gateways?: number
  /** Who answers for every service but identity; somebody who is always content unless said. */
  upstreamUrl?: string
}

export async function startFleet(options: FleetOptions = {}) {
  const { gatewaySettings = {}, gateways: gatewayCount = GATEWAYS } = options
  const seeds = makeNatsSeeds()
  const [server, nats, issuers] = await Promise.all([
    usePostgres(),
    useNats({ jetstream: true, tls: true, users: natsUsers(seeds), launcherSeed: seeds.launcher }),
    createTestIssuers(),
  ])
  const database = await server.createDatabase('identity')
  const sql = postgres(database.adminUrl, { max: 4, onnotice: () => undefined })
  // What every service but identity is: always there, always content.
  const upstream = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => Response.json([]) })
  const elsewhere = options.upstreamUrl ?? `http://127.0.0.1:${upstream.port}`
  const firstIdentityPort = await reservePort()
  const common = {
    PUBLIC_BASE_URL: 'http://mogplex.test',
    ...{ NATS_URL: nats.url, NATS_CA_FILE: nats.caFile },
    IDENTITY_URL: `http://127.0.0.1:${firstIdentityPort}`,
    ...{ PROJECTS_URL: elsewhere, RUNTIME_URL: elsewhere, LOG_LEVEL: 'warn' },
  }

  const startIdentity = (port: number) =>
    start('services/identity/main.ts', port, {
      ...common,
      AUTH_SIGNUP: 'open',
      DATABASE_URL: database.url,
      NATS_NKEY_SEED: seeds.identity,
      ...issuers.environmentOf('identity'),
    })
  const startGateway = (port: number) =>
    start('gateway/main.ts', port, {
      ...common,
      ...OPEN_DOORS,
      ...gatewaySettings,
      NATS_NKEY_SEED: seeds.gateway,
      GATEWAY_SIGNING_KEY: issuers.environmentOf(GATEWAY_ISSUER).ASSERTION_SIGNING_KEY,
    })

  const first = await startIdentity(firstIdentityPort)
  const second = await startIdentity(await reservePort())
  const gateways = await Promise.all(
    Array.from({ length: gatewayCount }, async () => startGateway(await reservePort())),
  )

  /** Resolves when every gateway holds a lease that is good for most of its time. */
  const leased = async () => {
    const isLeased = async () => {
      const [row] = await sql`select count(*)::int as held from identity.gateway_leases
        where expires_at > clock_timestamp() + interval '5.5 seconds' and is_renewable`
      return row?.held >= gateways.length
    }
    if (!(await waitUntil(isLeased, { limitMs: 60_000, everyMs: 20 }))) throw new Error('no leases')
  }
  await leased()

  return {
    ...{ sql, nats, issuers, gateways, leased },
    /** Identity's own login. */
    identityDatabaseUrl: database.url,
    identities: [first, second],
    restartIdentity: async () => {
      const fresh = await startIdentity(firstIdentityPort)
      await leased()
      return fresh
    },
    stop: async () => {
      for (const { child } of [...gateways, first, second]) child.kill('SIGKILL')
      await upstream.stop(true)
      await sql.end()
      await nats.close()
    },
  }
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>

async function start(
  main: string,
  port: number,
  environment: Record<string, string>,
): Promise<RunningProcess> {
  const child = Bun.spawn([process.execPath, join(ROOT, main)], {
    env: { PATH: process.env.PATH ?? '', ...environment, PORT: String(port) },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'inherit',
  })
  atExit(() => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  const isUp = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  if (!(await waitUntil(isUp, { limitMs: 60_000, everyMs: 50 }))) throw new Error(`${main} did not start`)
  return { url, child }
}

/** `count` tokens of a user, put where the service would put them, because making them is not the point. */
export async function insertTokens(
  { sql }: Pick<Fleet, 'sql'>,
  userId: string,
  count: number,
  expiresAt: Date | null = null,
): Promise<{ id: string; token: string }[]> {
  const made = Array.from({ length: count }, () => ({ id: newId(), token: `mog_${randomText()}` }))
  for (let from = 0; from < made.length; from += 1_000) {
    const rows = made.slice(from, from + 1_000).map(({ id, token }) => ({
      ...{ id, user_id: userId, name: 'test', created_at: new Date(), expires_at: expiresAt },
      ...{ token_hash: sha256Hex(token), token_prefix: token.slice(0, 12), scopes: ['read', 'write'] },
    }))
    await sql`insert into identity.user_api_keys ${sql(rows)}`
  }
  return made
}

function randomText(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('hex')
}
