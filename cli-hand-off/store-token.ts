/** Keeping a token where its owner alone can read it. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { HandedToken } from './hand-off.ts'

/**
 * Writes it as JSON with mode 0600, replacing what was there at once or not at all. Missing directories are
 * made with mode 0700.
 */
export async function storeToken(file: string, handed: HandedToken): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const fresh = `${file}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(fresh, `${JSON.stringify(handed, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    // The process's own mask may have taken rights away, and must not have added any.
    await chmod(fresh, 0o600)
    await rename(fresh, file)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
}
