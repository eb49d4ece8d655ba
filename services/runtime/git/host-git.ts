/**
 * Git as a process of the host. It only ever works in our own bare mirrors and never in a checkout an agent can
 * write to: the host holds credentials, the checkout holds surprises.
 */

import type { HostRules } from '@mogplex/kit/git-remote/reach-host.ts'
import type { Patience } from '@mogplex/kit/git-remote/try-again.ts'
import type { GitSetting } from '@mogplex/kit/host-git/environment.ts'
import { type GitLimits, SMALL } from '@mogplex/kit/host-git/limits.ts'
import { type GitResult, runGit } from '@mogplex/kit/host-git/run-git.ts'
import type { GitBounds } from './bounds.ts'
import { GitStopped, throwIfStopped } from './failure.ts'

/** What host-side git needs to know of the instance, and which remote hosts it may connect to. */
export interface GitHost extends HostRules {
  /** Absolute; `mirrors/` and `known_hosts` live below. */
  dataDirectory: string
  /** Search path, and where needed CA settings, of host-side git. Default: a plain PATH. */
  environment?: Record<string, string>
  /** Default: {@link DEFAULT_BOUNDS}. */
  bounds?: Partial<GitBounds>
  /** With a remote that does not answer. Default: `PATIENT`. */
  patience?: Patience
}

export interface HostGitCommand {
  host: GitHost
  /** The mirror the command works in. */
  gitDirectory: string
  args: string[]
  settings?: readonly GitSetting[]
  /** Added to the clean environment; the place for credentials (never `args`). */
  env?: Record<string, string>
  /** Bytes for stdin. Absent: empty. */
  stdin?: AsyncIterable<Uint8Array>
  /** Called with stdout as it comes; `stdout` of the result is then empty. False: it has seen enough. */
  onStdout?: (chunk: Uint8Array) => boolean
  /** Of the files that git, and what it starts, makes. Default: this process's. */
  umask?: number | undefined
  signal: AbortSignal
  /** Default: {@link SMALL}. */
  limits?: GitLimits
}

/** Runs git to its end. Throws {@link GitStopped} once `signal` is aborted and all of git is gone. */
export async function runHostGit(command: HostGitCommand): Promise<GitResult> {
  const { host, gitDirectory, env, signal, limits = SMALL, ...rest } = command
  throwIfStopped(signal)
  const environment = { ...host.environment, ...env }
  const result = await runGit({ ...rest, directory: gitDirectory, gitDirectory, environment, signal, limits })
  if (signal.aborted) throw new GitStopped()
  return result
}
