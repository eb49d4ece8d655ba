/** Postgres and NATS: our own, unless the person named others. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { NatsLogin } from '@mogplex/kit/bus/nats-settings.ts'
import { socketAddress } from '@mogplex/kit/http/service-address.ts'
import { isCertificateFresh, makeCertificate } from '@mogplex/kit/nats-server/certificate.ts'
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
  serverUrl,
  socketFileOf,
} from '@mogplex/kit/postgres-server/cluster.ts'
import { SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import { type Home, writePrivateFile } from '../home.ts'
import type { Keys } from '../keys.ts'
import { clearStalePostmaster } from '../left-overs.ts'
import { natsUsers } from '../nats-permissions.ts'
import type { Program } from '../supervisor/supervise.ts'
import { keepStreams, type StreamKeeper } from './keep-streams.ts'

/** The database in a Postgres of our own. */
const DATABASE = 'mogplex'

/** What our own Postgres is run as, and the administrator's login to the product's database in it. */
export async function ownPostgres(
  home: Home,
  keys: Keys,
  socketDirectory: string,
): Promise<{ program: Program; adminUrl: string; loginUrl: string; address: string }> {
  const directory = join(home.postgres, 'data')
  await createCluster({ directory, password: keys.postgresPassword, isDurable: true })
  const place = { socketDirectory }
  const loginUrl = withLogin(serverUrl(place, 'postgres'), SUPERUSER, keys.postgresPassword)
  const { command, environment } = serverCommand({ directory, place, isDurable: true })
  const socket = socketFileOf(socketDirectory)
  return {
    loginUrl,
    adminUrl: withDatabase(loginUrl, DATABASE),
    address: socketAddress(socket),
    program: {
      name: 'postgres',
      command,
      environment,
      directory: home.root,
      stopSignal: POSTGRES_STOP_SIGNAL,
      prepare: async () => {
        await clearStalePostmaster(directory)
        // Like the pid file: of a server that is gone, with a pid that may be somebody else's by now.
        rmSync(`${socket}.lock`, { force: true })
      },
      isReady: () => acceptsLogins(loginUrl),
    },
  }
}

/** Makes the product's database in our own server, which is nobody else's: services log in nowhere else. */
export async function createOwnDatabase(loginUrl: string): Promise<void> {
  const admin = connectAsAdmin(loginUrl)
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

/**
 * What our own NATS is run as, with a login for each process and a certificate to know it by. It is ready when
 * the launcher, with a login of its own, has found or made the streams in it. `onKeeper` is given who does so.
 */
export function ownNats(
  home: Home,
  keys: Keys,
  port: number,
  options: { onTrouble: (text: string) => void; onKeeper: (keeper: StreamKeeper) => void },
): { program: Program; url: string } {
  // nats-server makes a directory jetstream/ in it.
  const storeDirectory = home.nats
  const tls = home.natsCertificate
  if (!isCertificateFresh(tls)) {
    const made = makeCertificate()
    writePrivateFile(tls.key, made.key)
    writePrivateFile(tls.certificate, made.certificate)
  }
  const config = { port, storeDirectory, users: natsUsers(keys.natsSeeds), tls }
  writePrivateFile(home.natsConfigFile, natsConfig(config))
  const url = `tls://127.0.0.1:${port}`
  const ca = readFileSync(tls.certificate, 'utf8')
  const login: NatsLogin = { url, ca, nkeySeed: keys.natsSeeds.launcher }
  let keeper: StreamKeeper | null = null
  const isReady = async () => {
    // Who answers may be anybody; the keeper knows.
    if (!(await isNatsAnswering(port))) return false
    if (!keeper) {
      keeper = keepStreams(login, options.onTrouble)
      options.onKeeper(keeper)
    }
    return keeper.isReady()
  }
  return {
    url,
    program: {
      name: 'nats',
      command: natsCommand(home.natsConfigFile),
      environment: { PATH: process.env.PATH, TZ: process.env.TZ },
      directory: home.root,
      stopSignal: 'SIGTERM',
      isReady,
    },
  }
}
