/**
 * The directory in which the parts of an instance meet: sockets of the services and of Postgres, which nobody
 * else can enter and so nobody else can listen or knock at.
 */
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { socketFileOf } from '@mogplex/kit/postgres-server/cluster.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import { assertOurs, assertUnmovable, type Home } from './home.ts'

/** What the kernel takes, on Linux; one less than its field, for the zero at the end. macOS takes 103. */
const LONGEST_PATH = process.platform === 'linux' ? 107 : 103
/** Short, and sticky everywhere: only the owner of an entry can rename or remove it. */
const SHORT_PARENT = '/tmp'
const SHORT_PREFIX = 'mogplex-sockets-'

/**
 * A new, empty directory, 0700: below the home, or below /tmp with a name nobody can foresee when the home's
 * path is too long for a socket. `previous` is the one of an earlier start that was killed, which goes.
 */
export function openSocketDirectory(home: Home, previous: string | null): string {
  if (previous) removeSocketDirectory(home, previous)
  const inHome = join(home.root, 'sockets')
  removeSocketDirectory(home, inHome)
  if (Buffer.byteLength(socketFileOf(inHome)) <= LONGEST_PATH) {
    mkdirSync(inHome, { mode: 0o700 })
    chmodSync(inHome, 0o700)
    return inHome
  }
  const elsewhere = mkdtempSync(join(SHORT_PARENT, SHORT_PREFIX))
  assertUnmovable(elsewhere)
  assertOurs(elsewhere)
  return elsewhere
}

/** Does nothing with a path that {@link openSocketDirectory} cannot have made. */
export function removeSocketDirectory(home: Home, directory: string): void {
  const isInHome = directory === join(home.root, 'sockets')
  const isShort = dirname(directory) === SHORT_PARENT && basename(directory).startsWith(SHORT_PREFIX)
  if (!isInHome && !isShort) return
  const stat = lstatSync(directory, { throwIfNoEntry: false })
  if (stat === undefined || (isShort && stat.uid !== process.getuid?.())) return
  // A link itself, never what it leads to.
  rmSync(directory, { recursive: true, force: true })
}

/** The socket of a service. */
export function serviceSocket(directory: string, service: ServiceName): string {
  return join(directory, `${service}.sock`)
}
