/**
 * The surroundings of git on the host: nothing of ours or of the operator's, and everything off by which a
 * setting would start a program.
 */
import { dirname } from 'node:path'
import { GIT_SEARCH_PATH } from './git-program.ts'

/** A setting of git's: `core.hooksPath` and its value. */
export type GitSetting = readonly [key: string, value: string]

/**
 * Above every configuration file. Git drops settings of the environment where it serves a local repository:
 * there they are written into the only configuration it reads, see `kit/git-remote/serve-local.ts`.
 */
export const FORCED_SETTINGS: readonly GitSetting[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.alternateRefsCommand', ':'],
  ['core.sshCommand', 'false'],
  ['credential.helper', ''],
  ['protocol.allow', 'never'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['push.recurseSubmodules', 'no'],
  ['push.followTags', 'false'],
  ['receive.autogc', 'false'],
  ['maintenance.auto', 'false'],
  ['gc.auto', '0'],
  ['gc.autoDetach', 'false'],
  // One file for what comes, which is checked as a whole and removed when it does not get done.
  ['fetch.unpackLimit', '1'],
  // Larger blobs are streamed instead of being held in memory.
  ['core.bigFileThreshold', '32m'],
  ['core.maxTreeDepth', '2048'],
  ['pack.threads', '2'],
  ['pack.windowMemory', '64m'],
  ['http.lowSpeedLimit', '100'],
  ['http.lowSpeedTime', '60'],
]

export interface GitSurroundings {
  /** Where git is started; it looks for no repository above. */
  directory: string
  /** The repository it works in, if it works in one. */
  gitDirectory?: string
  /** On top of {@link FORCED_SETTINGS}. */
  settings?: readonly GitSetting[]
  /** The place for credentials, which must never be arguments. */
  environment?: Record<string, string>
}

/** The whole environment of one start of git. */
export function gitEnvironment(surroundings: GitSurroundings): Record<string, string> {
  const { directory, gitDirectory, settings = [], environment = {} } = surroundings
  return {
    PATH: GIT_SEARCH_PATH,
    // No remote, unless the caller names its protocol.
    GIT_ALLOW_PROTOCOL: '',
    ...environment,
    LC_ALL: 'C',
    // Not the operator's: ~/.netrc, ~/.gitconfig and ~/.config/git would lend credentials and helpers.
    HOME: '/nonexistent',
    ...(gitDirectory === undefined ? {} : { GIT_DIR: gitDirectory }),
    GIT_CEILING_DIRECTORIES: dirname(directory),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_PAGER: 'cat',
    GIT_EDITOR: 'false',
    ...configuration([...FORCED_SETTINGS, ...settings]),
  }
}

/** In the environment, where no other user of the machine reads it. */
function configuration(settings: readonly GitSetting[]): Record<string, string> {
  const pairs = settings.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ])
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(pairs) }
}
