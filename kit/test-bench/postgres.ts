/**
 * A real Postgres for tests: one server a test process, started when the first test asks for it, without
 * fsync, and a fresh database for every asker. `TEST_DATABASE_URL` names a server to use instead (a role
 * that may create databases and roles).
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  acceptsLogins,
  closeToPublic,
  connectAsAdmin,
  giveOwnSchema,
  withDatabase,
  withLogin,
} from '../postgres-server/access.ts'
import { createCluster, SUPERUSER, serverCommand, serverUrl } from '../postgres-server/cluster.ts'
import { identifyProcess } from '../processes/identity.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { atExit, temporaryDirectory } from './ended-at-exit.ts'
import { reservePort } from './ports.ts'

export interface TestDatabase {
  /** Login of a role that owns the schema and sees nothing else, as a service has it. */
  url: string
  /** Login of the server's administrator in the same database. */
  adminUrl: string
  /** Ends all connections and removes the database; not needed before the process exits. */
  drop: () => Promise<void>
}

export interface TestPostgres {
  /** Login of the administrator. */
  adminUrl: string
  /** A new, empty database that has one schema, named `schema`, owned by a role of its own. */
  createDatabase: (schema: string) => Promise<TestDatabase>
}

const START_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 5_000

let shared: Promise<TestPostgres> | undefined

/**
 * The Postgres server of this test process.
 *
 * @example
 * const { createDatabase } = await usePostgres()
 * const { url } = await createDatabase('runtime')
 */
export function usePostgres(): Promise<TestPostgres> {
  shared ??= adminUrlOfServer().then(adminUrl => ({
    adminUrl,
    createDatabase: schema => createDatabase(adminUrl, schema),
  }))
  return shared
}

async function adminUrlOfServer(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL?.trim()
  return given ? given : startServer()
}

async function startServer(): Promise<string> {
  const password = secret()
  const directory = join(temporaryDirectory('postgres'), 'data')
  const port = await reservePort()
  await createCluster({ directory, password, isDurable: false })
  const place = { port }
  const { command, environment } = serverCommand({ directory, place, isDurable: false })
  const child = Bun.spawn(command, { env: environment, stdout: 'ignore', stderr: 'ignore' })
  atExit(() => endAtOnce(child))
  child.unref()
  const url = withLogin(serverUrl(place, 'postgres'), SUPERUSER, password)
  const isUp = () => child.exitCode !== null || acceptsLogins(url)
  if (!(await waitUntil(isUp, { limitMs: START_LIMIT_MS })) || child.exitCode !== null)
    throw new Error('the Postgres server for tests did not start')
  return url
}

/** "Immediate" shutdown rather than SIGKILL: the latter would leave shared memory behind in the kernel. */
function endAtOnce(child: Bun.Subprocess): void {
  child.kill('SIGQUIT')
  const deadline = performance.now() + STOP_LIMIT_MS
  while (identifyProcess(child.pid) !== null && performance.now() < deadline) Bun.sleepSync(20)
}

async function createDatabase(serverAdminUrl: string, schema: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await asAdmin(serverAdminUrl, sql => sql`create database ${sql(name)}`)
  const adminUrl = withDatabase(serverAdminUrl, name)
  const url = await asAdmin(adminUrl, async sql => {
    await closeToPublic(sql)
    return giveOwnSchema(sql, { adminUrl, schema, password: secret() })
  })
  const drop = async () => {
    await asAdmin(serverAdminUrl, async sql => {
      await sql`drop database if exists ${sql(name)} with (force)`
      await sql`drop role if exists ${sql(decodeURIComponent(new URL(url).username))}`
    })
  }
  return { url, adminUrl, drop }
}

async function asAdmin<T>(
  url: string,
  work: (sql: ReturnType<typeof connectAsAdmin>) => Promise<T> | PromiseLike<T>,
): Promise<T> {
  const sql = connectAsAdmin(url)
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 2 })
  }
}

function secret(): string {
  return randomBytes(24).toString('base64url')
}
