/**
 * Lets git read and write a repository of this machine without its settings and hooks: git is given a repository
 * of our own that has nothing of the other but its objects and refs. Settings that nobody has thought of yet are
 * out of the way by that, as are includes, and files that never end in the place of a configuration.
 */
import { access, mkdir, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { FORCED_SETTINGS, type GitSetting } from '../host-git/environment.ts'
import { refuseCheckedOut } from './checked-out.ts'
import { sharedRepositoryOf, umaskOf } from './local-modes.ts'
import { findRepository, type LocalRepository, readSmall } from './local-repository.ts'
import { vetLocal } from './vet-local.ts'

const MAX_CONFIG_BYTES = 1024 ** 2
const SHOWN = ['objects', 'refs', 'packed-refs', 'shallow', 'worktrees', 'reftable']

export type ServedRepository =
  /** The address for git; to push, the umask it needs as well. */
  | { url: string; umask?: number }
  /** For the repo's owner: lower case, no path. */
  | { refusal: string }

/**
 * Makes `directory`, whose owner removes it after git has ended. `push` names the branch that is to be written.
 * Whether the repository may be used is decided here, each time.
 */
export async function serveLocal(
  path: string,
  directory: string,
  push?: { branch: string },
): Promise<ServedRepository> {
  const repository = await findRepository(path)
  if (repository === null) return { refusal: 'the repository is not there any more' }
  const verdict = await vetLocal(repository, push?.branch)
  return 'refusal' in verdict ? verdict : await makeServed(repository, directory, push?.branch ?? null)
}

async function makeServed(
  repository: LocalRepository,
  directory: string,
  pushed: string | null,
): Promise<ServedRepository> {
  const { gitDirectory, commonDirectory } = repository
  const isPush = pushed !== null
  // Git refuses to write the branch that HEAD names: of a linked work tree it finds that out by `worktrees`.
  const head = await readSmall(join(isPush ? commonDirectory : gitDirectory, 'HEAD'))
  if (head === null || !/^(ref:\s*refs\/\S+|[0-9a-f]{40,64})\s*$/.test(head))
    return { refusal: 'the repository has no readable HEAD' }
  const config = (await readSmall(join(commonDirectory, 'config'), MAX_CONFIG_BYTES)) ?? ''
  const refusal = isPush ? await refuseCheckedOut(repository, pushed, isBare(config, commonDirectory)) : null
  if (refusal !== null) return { refusal }
  await mkdir(directory, { mode: 0o700 })
  await Promise.all([
    writeFile(join(directory, 'HEAD'), `${head.trimEnd()}\n`),
    writeFile(
      join(directory, 'config'),
      configText([...formatOf(config, commonDirectory), ...FORCED_SETTINGS]),
    ),
    ...SHOWN.map(async name => {
      const shown = join(commonDirectory, name)
      const isThere = await access(shown).then(
        () => true,
        () => false,
      )
      if (isThere) await symlink(shown, join(directory, name))
    }),
  ])
  const url = `file://${directory.replaceAll('%', '%25')}`
  return isPush ? { url, umask: await umaskOf(commonDirectory) } : { url }
}

/**
 * What git must know to read the other's files, taken from where git writes it. A configuration that hides it
 * in some other way gives a repository that git cannot read, and nothing worse.
 */
function formatOf(config: string, commonDirectory: string): GitSetting[] {
  const shared = sharedRepositoryOf(valueIn(config, 'sharedRepository', '\\w+'))
  const extensions: [string, string | undefined][] = [
    ['extensions.objectFormat', valueIn(config, 'objectFormat', 'sha256')],
    ['extensions.refStorage', valueIn(config, 'refStorage', 'reftable')],
  ]
  const used = extensions.flatMap(([key, found]): GitSetting[] => (found ? [[key, found]] : []))
  return [
    ['core.repositoryFormatVersion', used.length > 0 ? '1' : '0'],
    ['core.bare', String(isBare(config, commonDirectory))],
    ['core.logAllRefUpdates', 'false'],
    ...(shared ? [['core.sharedRepository', shared] satisfies GitSetting] : []),
    ...used,
    ['receive.denyCurrentBranch', 'refuse'],
  ]
}

function isBare(config: string, commonDirectory: string): boolean {
  return (valueIn(config, 'bare', 'true|false') ?? String(basename(commonDirectory) !== '.git')) === 'true'
}

function valueIn(config: string, key: string, pattern: string): string | undefined {
  return new RegExp(`^\\s*${key}\\s*=\\s*"?(${pattern})"?\\s*$`, 'im').exec(config)?.[1]
}

/** Keys of one dot only, values without quotes and backslashes: ours. */
function configText(settings: readonly GitSetting[]): string {
  return settings
    .map(([key, value]) => {
      const [section = '', name = ''] = key.split('.')
      return `[${section}]\n\t${name} = "${value}"\n`
    })
    .join('')
}
