/** `MOGPLEX_HOME`: the one directory in which an instance keeps everything. Directories 0700, files 0600. */
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Home {
  root: string
  /** One running instance holds it; see `lock.ts`. */
  lockFile: string
  keysFile: string
  stateFile: string
  natsConfigFile: string
  logs: string
  postgres: string
  nats: string
  runtime: string
}

/** Where everything is, whether it is there or not. */
export function homeAt(root: string): Home {
  return {
    root,
    logs: join(root, 'logs'),
    postgres: join(root, 'postgres'),
    nats: join(root, 'nats'),
    runtime: join(root, 'runtime'),
    lockFile: join(root, 'lock'),
    keysFile: join(root, 'keys.json'),
    stateFile: join(root, 'state.json'),
    natsConfigFile: join(root, 'nats', 'nats.conf'),
  }
}

/** Makes what is missing, and takes away rights that others got meanwhile. */
export function openHome(root: string): Home {
  const home = homeAt(root)
  for (const directory of [root, home.logs, home.postgres, home.nats, home.runtime]) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    chmodSync(directory, 0o700)
  }
  return home
}

/** Writes a file only its owner can read, whole or not at all: a reader never sees half of it. */
export function writePrivateFile(file: string, text: string): void {
  const unfinished = `${file}.new`
  writeFileSync(unfinished, text, { mode: 0o600, flush: true })
  chmodSync(unfinished, 0o600)
  renameSync(unfinished, file)
}
