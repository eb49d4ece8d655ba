/** Postgres and NATS: our own, unless the person named others. */
import { join } from 'node:path'
import { isNatsAnswering, natsCommand, natsConfig } from '@mogplex/kit/nats-server/server.ts'
import {
  acceptsLogins,
  closeToPublic,
  connectAsAdmin,
  giveOwnSchema,
  withDatabase,
  withLogin,
} from '@mogplex/kit/postgres-server/access.ts'
import {
  createCluster,
  POSTGRES_STOP_SIGNAL,
  SUPERUSER,
  serverCommand,
} from '@mogplex/kit/postgres-server/cluster.ts'
import { SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import { type Home, writePrivateFile } from '../home.ts'
import type { Keys } from '../keys.ts'
import { clearStalePostmaster } from '../left-overs.ts'
import { natsUsers } from '../nats-permissions.ts'
import type { Program } from '../supervisor/supervise.ts'

/** The database in a Postgres of our own. */
const DATABASE = 'mogplex'

/** What our own Postgres is run as, and the administrator's login to the product's database in it. */
export async function ownPostgres(
  home: Home,
  keys: Keys,
  port: number,
): Promise<{ program: Program; adminUrl: string; serverUrl: string }> {
  const directory = join(home.postgres, 'data')
  await createCluster({ directory, password: keys.postgresPassword, isDurable: true })
  const serverUrl = withLogin(`postgres://127.0.0.1:${port}/postgres`, SUPERUSER, keys.postgresPassword)
  const { command, environment } = serverCommand({ directory, port, isDurable: true })
  return {
    serverUrl,
    adminUrl: withDatabase(serverUrl, DATABASE),
    program: {
      name: 'postgres',
      command,
      environment,
      directory: home.root,
      stopSignal: POSTGRES_STOP_SIGNAL,
      prepare: () => clearStalePostmaster(directory),
      isReady: () => acceptsLogins(serverUrl),
    },
  }
}

/** Makes the product's database in our own server, which is nobody else's: services log in nowhere else. */
export async function createOwnDatabase(serverUrl: string): Promise<void> {
  const admin = connectAsAdmin(serverUrl)
  try {
    const known = await admin`select from pg_database where datname = ${DATABASE}`
    if (known.length === 0) await admin`create database ${admin(DATABASE)}`
    await admin`revoke connect on database postgres, template1 from public`
  } finally {
    await admin.end({ timeout: 2 })
  }
}

/** Gives every service its schema and login; resolves with the logins. Throws one clear line. */
export async function openDatabase(adminUrl: string, keys: Keys): Promise<Record<ServiceName, string>> {
  const admin = connectAsAdmin(adminUrl)
  try {
    await closeToPublic(admin)
    const urls: Partial<Record<ServiceName, string>> = {}
    for (const schema of SERVICE_NAMES)
      urls[schema] = await giveOwnSchema(admin, {
        adminUrl,
        schema,
        password: keys.databasePasswords[schema],
      })
    return urls as Record<ServiceName, string>
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`the database cannot be set up: ${reason}`, { cause })
  } finally {
    await admin.end({ timeout: 2 })
  }
}

/** What our own NATS is run as, with a login for each process. */
export function ownNats(home: Home, keys: Keys, port: number): { program: Program; url: string } {
  // nats-server makes a directory jetstream/ in it.
  const storeDirectory = home.nats
  writePrivateFile(
    home.natsConfigFile,
    natsConfig({ port, storeDirectory, users: natsUsers(keys.natsPasswords) }),
  )
  return {
    url: `nats://127.0.0.1:${port}`,
    program: {
      name: 'nats',
      command: natsCommand(home.natsConfigFile),
      environment: { PATH: process.env.PATH, TZ: process.env.TZ },
      directory: home.root,
      stopSignal: 'SIGTERM',
      isReady: () => isNatsAnswering(port),
    },
  }
}
