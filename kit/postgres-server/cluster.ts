/** A Postgres server of our own: making its files, and the command that runs it. */
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findExecutable } from '../processes/find-executable.ts'
import { tiedToParent } from '../processes/tied-to-parent.ts'
import { postgresBinaries } from './binaries.ts'

/** Postgres needs no more of the environment; `C` keeps its messages in one language. */
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: process.env.PATH ?? '' }

export const SUPERUSER = 'mogplex'
/**
 * A refused statement is told to whoever sent it, who logs it without its values. The server's own log would have them:
 * in the message, the detail and the statement.
 */
const WITHOUT_VALUES = {
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
}

/** Ends sessions and shuts down cleanly; Postgres' "fast" mode. */
export const POSTGRES_STOP_SIGNAL = 'SIGINT'

/**
 * Creates the files of a server in `directory`, complete or not at all: they are made beside it and moved.
 * Logins need `password`; nothing is trusted. Files are 0600, directories 0700.
 */
export async function createCluster(options: {
  directory: string
  password: string
  /** False only for throw-away servers: skips writing through to the disk. */
  isDurable: boolean
}): Promise<void> {
  const { directory, password, isDurable } = options
  if (existsSync(directory)) return
  const unfinished = `${directory}.new`
  const passwordFile = `${directory}.password`
  rmSync(unfinished, { recursive: true, force: true })
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
  try {
    await run([
      postgresBinaries().initdb,
      ...[`--pgdata=${unfinished}`, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`],
      // The locale is built in, so that the files do not depend on the locales of the machine.
      ...['--auth=scram-sha-256', '--encoding=UTF8', '--no-locale'],
      ...['--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions'],
      ...(isDurable ? [] : ['--no-sync']),
    ])
    chmodSync(unfinished, 0o700)
    renameSync(unfinished, directory)
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

/** Where a server listens: a port of 127.0.0.1, or a socket in a directory, whose path must be short. */
export type PostgresPlace = { port: number } | { socketDirectory: string }

/** What part of a socket's name the port is, where there is no port. */
const NOMINAL_PORT = 5432

/** The socket of a server in this directory. */
export function socketFileOf(socketDirectory: string): string {
  return join(socketDirectory, `.s.PGSQL.${NOMINAL_PORT}`)
}

/** The address of a server, in libpq's spelling, without a login. */
export function serverUrl(place: PostgresPlace, database: string): string {
  if ('port' in place) return `postgres://127.0.0.1:${place.port}/${database}`
  // The host in front is for readers of URLs only; the one behind is what counts.
  return `postgres://localhost/${database}?host=${encodeURIComponent(place.socketDirectory)}`
}

/** The command and environment of a server. */
export function serverCommand(options: { directory: string; place: PostgresPlace; isDurable: boolean }) {
  const { place } = options
  const settings = {
    ...('port' in place
      ? { listen_addresses: '127.0.0.1', port: String(place.port), unix_socket_directories: '' }
      : {
          listen_addresses: '',
          port: String(NOMINAL_PORT),
          unix_socket_directories: place.socketDirectory,
          unix_socket_permissions: '0700',
        }),
    max_connections: '200',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...WITHOUT_VALUES,
    ...(options.isDurable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const command = [postgresBinaries().postgres, '-D', options.directory, ...flags]
  // Tied inside the user namespace: entering one changes credentials, which would loosen the tie.
  return { command: withoutRoot(tiedToParent(command, 'INT')), environment: ENVIRONMENT }
}

/**
 * Postgres refuses to run as root. For root, a user namespace makes it another user as far as it can tell,
 * while its files still belong to root outside: no system user has to be made.
 */
function withoutRoot(command: string[]): string[] {
  if (process.getuid?.() !== 0) return command
  const unshare = process.platform === 'linux' ? findExecutable('unshare') : null
  if (!unshare) throw new Error('Postgres does not run as root: start as another user, or set DATABASE_URL')
  return [unshare, '--user', '--map-user=65534', '--map-group=65534', ...command]
}

async function run(command: string[]): Promise<void> {
  const child = Bun.spawn(withoutRoot(tiedToParent(command, 'KILL')), {
    env: ENVIRONMENT,
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const errors = await new Response(child.stderr).text()
  if ((await child.exited) === 0) return
  if (errors.startsWith('unshare:'))
    throw new Error(
      'Postgres does not run as root, and no user namespace may be made here: start as another user, or set DATABASE_URL',
    )
  throw new Error(`Postgres' files could not be made: ${errors.trim()}`)
}
