/** Finds programs the way a shell would, and also where packages put servers that are not on a user's PATH. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian puts nats-server in /usr/sbin, which an ordinary user's PATH does not name. */
const ALSO_IN = ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin']

/** The absolute path of program `name`, or null when there is none. */
export function findExecutable(name: string, path = process.env.PATH ?? ''): string | null {
  const folders = [...path.split(delimiter).filter(folder => folder !== ''), ...ALSO_IN]
  return folders.map(folder => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
