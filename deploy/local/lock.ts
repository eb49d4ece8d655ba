/** One launcher a home. */
import { Database } from 'bun:sqlite'

export interface Lock {
  release: () => void
}

/**
 * Takes the home, or returns null when another process holds it. SQLite's exclusive transaction is a lock
 * of the operating system: it ends with the process however that ends, so there is no stale lock to judge.
 */
export function takeLock(file: string): Lock | null {
  const database = new Database(file, { create: true })
  try {
    database.run('pragma busy_timeout = 0')
    database.run('begin exclusive')
  } catch (err) {
    database.close()
    if (err instanceof Error && 'code' in err && err.code === 'SQLITE_BUSY') return null
    throw err
  }
  return { release: () => database.close() }
}
