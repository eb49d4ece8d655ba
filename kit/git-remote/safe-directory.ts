import { join } from 'node:path'

/**
 * The configuration that lets git read a local repository of another account: it lies inside a root of the
 * operator's. It has to be in a file, since git drops command-line settings where it serves a local
 * repository. A work tree is found through its `.git`.
 */
export function safeDirectoryConfig(path: string): string {
  const lines = [path, join(path, '.git')].map(
    directory => `\tdirectory = "${directory.replace(/["\\]/g, '\\$&')}"\n`,
  )
  return `[safe]\n${lines.join('')}`
}
