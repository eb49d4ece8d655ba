/** `MOGPLEX_HOME`: the one directory in which an instance keeps everything. Directories 0700, files 0600. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

export interface Home {
  root: string
  /** One running instance holds it; see `lock.ts`. */
  lockFile: string
  keysFile: string
  stateFile: string
  natsConfigFile: string
  /** By which the processes know our own NATS; the key is the server's alone. */
  natsCertificate: { certificate: string; key: string }
  logs: string
  postgres: string
  nats: string
  runtime: string
}

/** A home that somebody else may have had a hand in; the message says what is wrong with it. */
export class UnsafeHome extends Error {}

/** Where everything is, whether it is there or not. */
export function homeAt(root: string): Home {
  const nats = join(root, 'nats')
  return {
    root,
    nats,
    logs: join(root, 'logs'),
    postgres: join(root, 'postgres'),
    runtime: join(root, 'runtime'),
    lockFile: join(root, 'lock'),
    keysFile: join(root, 'keys.json'),
    stateFile: join(root, 'state.json'),
    natsConfigFile: join(nats, 'nats.conf'),
    natsCertificate: { certificate: join(nats, 'certificate.pem'), key: join(nats, 'key.pem') },
  }
}

/**
 * Makes what is missing, and takes away rights that others got meanwhile. Throws {@link UnsafeHome} when
 * another user owns any of it, or could put another directory in its place.
 */
export function openHome(root: string): Home {
  const home = homeAt(root)
  mkdirSync(root, { recursive: true, mode: 0o700 })
  for (const path of [root, realpathSync(root)]) assertUnmovable(path)
  assertOurs(root)
  chmodSync(root, 0o700)
  // What was put here while others could write to it: owned by them, or a link of theirs to elsewhere.
  for (const name of readdirSync(root)) assertOurs(join(root, name))
  for (const directory of [home.logs, home.postgres, home.nats, home.runtime]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    assertOurs(directory)
    chmodSync(directory, 0o700)
  }
  return home
}

/** The path itself, and where it leads, belong to the user we run as. */
export function assertOurs(path: string): void {
  const own = process.getuid?.()
  const target = statSync(path, { throwIfNoEntry: false })
  for (const { uid } of [lstatSync(path), ...(target ? [target] : [])]) {
    if (own !== undefined && uid !== own)
      throw new UnsafeHome(`${path} belongs to another user (${uid}). Remove it, or set MOGPLEX_HOME.`)
  }
}

/** Nobody may rename what the path goes through: each directory above is closed to others, or sticky. */
export function assertUnmovable(path: string): void {
  for (let above = dirname(path); ; above = dirname(above)) {
    const { mode } = statSync(above)
    if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0)
      throw new UnsafeHome(`${above} can be changed by every user of this machine. Set MOGPLEX_HOME.`)
    if (above === dirname(above)) return
  }
}

/** Writes a file only its owner can read, whole or not at all: a reader never sees half of it. */
export function writePrivateFile(file: string, text: string): void {
  const unfinished = `${file}.new`
  writeFileSync(unfinished, text, { mode: 0o600, flush: true })
  chmodSync(unfinished, 0o600)
  renameSync(unfinished, file)
}
