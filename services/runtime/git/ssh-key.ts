/**
 * Lends a private key to one git process and takes it back: a file in a directory of its own, removed
 * afterwards.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import type { GitHost } from './host-git.ts'

/** Key directories this process is using. They are named after their process, `<pid>-<random>`. */
const liveKeyDirectories = new Set<string>()

/** Calls `use` with the key's file, null when `auth` has none; the file is gone when it returns. */
export async function withSshKey<Result>(
  host: GitHost,
  auth: RemoteAuth,
  use: (keyFile: string | null) => Promise<Result>,
): Promise<Result> {
  if (auth.kind !== 'ssh') return await use(null)
  const keys = join(host.dataDirectory, 'git-keys')
  await mkdir(keys, { recursive: true, mode: 0o700 })
  await removeLeftKeys(keys)
  const directory = join(keys, `${process.pid}-${crypto.randomUUID()}`)
  liveKeyDirectories.add(directory)
  try {
    await mkdir(directory, { mode: 0o700 })
    const keyFile = join(directory, 'identity')
    // ssh refuses a key whose last line is not ended.
    await writeFile(keyFile, `${auth.privateKey.trimEnd()}\n`, { mode: 0o600 })
    return await use(keyFile)
  } finally {
    await rm(directory, { recursive: true, force: true })
    liveKeyDirectories.delete(directory)
  }
}

/** A process that was killed could not take its key away; the next one does. */
async function removeLeftKeys(keys: string): Promise<void> {
  for (const name of await readdir(keys)) {
    const directory = join(keys, name)
    const pid = Number.parseInt(name, 10)
    const isInUse = pid === process.pid ? liveKeyDirectories.has(directory) : isAlive(pid)
    if (!isInUse) await rm(directory, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
