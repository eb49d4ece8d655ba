/** Lends a private key to one git process and takes it back. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RemoteAuth } from '@mogplex/proto/projects.ts'
import type { GitHost } from './host-git.ts'
import { withPrivateDirectory } from './private-directory.ts'

/** Calls `use` with the key's file, null when `auth` has none; the file is gone when it returns. */
export async function withSshKey<Result>(
  host: GitHost,
  auth: RemoteAuth,
  use: (keyFile: string | null) => Promise<Result>,
): Promise<Result> {
  if (auth.kind !== 'ssh') return await use(null)
  return await withPrivateDirectory(join(host.dataDirectory, 'git-keys'), async directory => {
    const keyFile = join(directory, 'identity')
    // ssh refuses a key whose last line is not ended.
    await writeFile(keyFile, `${auth.privateKey.trimEnd()}\n`, { mode: 0o600 })
    return await use(keyFile)
  })
}
