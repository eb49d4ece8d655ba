/** Finds programs before there is anything but Node. Looks where kit/processes/find-executable.ts looks. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Servers are not on an ordinary user's PATH in Debian. */
const ALSO_IN = ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin']

/** The absolute path of a program, or null. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...ALSO_IN]
  return folders.map(folder => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
