/** Child processes that do not outlive the process that started them, even when that one is killed with SIGKILL. */
import { findExecutable } from './find-executable.ts'

/**
 * The command that runs `command` so that the kernel sends it `signal` when its parent dies. Linux only:
 * elsewhere the command is returned as it is, and left-overs are ended at the next start.
 *
 * The process id stays that of the command itself: `setpriv` replaces itself with it.
 */
export function tiedToParent(command: readonly string[], signal: 'KILL' | 'TERM' | 'INT'): string[] {
  const setpriv = process.platform === 'linux' ? findExecutable('setpriv') : null
  return setpriv ? [setpriv, '--pdeathsig', signal, ...command] : [...command]
}
