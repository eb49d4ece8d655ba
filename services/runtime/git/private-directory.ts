/** Directories that hold something for the length of one piece of work, and are gone afterwards. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Those this process is using. They are named after their process, `<pid>-<random>`. */
const inUse = new Set<string>()

/** Calls `use` with a fresh directory below `parent` that only we can enter; it is gone when `use` returns. */
export async function withPrivateDirectory<Result>(
  parent: string,
  use: (directory: string) => Promise<Result>,
): Promise<Result> {
  await mkdir(parent, { recursive: true, mode: 0o700 })
  await removeLeft(parent)
  const directory = join(parent, `${process.pid}-${crypto.randomUUID()}`)
  inUse.add(directory)
  try {
    await mkdir(directory, { mode: 0o700 })
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
    inUse.delete(directory)
  }
}

/** A process that was killed could not remove its own; the next one does. */
async function removeLeft(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const directory = join(parent, name)
    const pid = Number.parseInt(name, 10)
    const isUsed = pid === process.pid ? inUse.has(directory) : isAlive(pid)
    if (!isUsed) await rm(directory, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
