/**
 * The agent's process, put into its sandbox before its time: building the sandbox takes as long as bringing the
 * checkout up to date, and needs nothing of it. Until it is let go a shell waits there, and no line of the agent
 * has run.
 *
 * The harness's own files (`~/.mogplex/…`, runtime spec 3.1, "MCP") are written by that shell: HOME is the agent's,
 * and a link in it must not lead the host astray. They are not in the checkout, where an agent's `git add -A` would
 * take them.
 */
import type { HarnessCommand } from '../harnesses/harness.ts'
import { type SandboxProcess, type SandboxProvider, WORKSPACE_PATH } from '../sandboxes/provider.ts'
import { RESET_HOME } from './agent-home.ts'
import { gitIdentityVariables, WRITE_GIT_IDENTITY } from './git-identity.ts'
import type { CommitIdentity } from './inputs.ts'

/** What the shell reads before the agent's own input. */
const GO = 'go\n'
/** Exit code of the shell when the agent cannot be started, with {@link NOT_STARTED} on stderr. */
const NOT_STARTED_EXIT_CODE = 125
const NOT_STARTED = 'sandbox: the files of the agent could not be written or reset'

/**
 * HOME is reset at the last moment: what brings the checkout up to date may run programs of the repository's. What is
 * written there afterwards is written into a directory that the reset has removed.
 * Arguments: where the agent works, how many files there are, their paths, the agent's own command line. Their
 * contents come in the environment, which the agent does not get to see.
 */
const SCRIPT = `
${RESET_HOME}
${WRITE_GIT_IDENTITY}
not_started() {
  echo '${NOT_STARTED}' >&2
  exit ${NOT_STARTED_EXIT_CODE}
}
IFS= read -r harness_word && [ "$harness_word" = go ] || exit 0
(reset_home) || not_started
write_git_identity
harness_root=$1 harness_files=$2 harness_number=0
shift 2
cd -- "$HOME" || not_started
while [ "$harness_number" -lt "$harness_files" ]; do
  [ -d "\${1%/*}" ] || mkdir -p -- "\${1%/*}"
  { eval "printf %s \\"\\$HARNESS_FILE_$harness_number\\""; } > "$1" || not_started
  unset "HARNESS_FILE_$harness_number"
  shift
  harness_number=$((harness_number + 1))
done
cd -- "$harness_root" || exit 126
exec "$@"
`

/** Held until one of the two is called; the other then does nothing. */
export interface HeldAgent {
  /** Lets the agent start. A process that has ended meanwhile says so by its exit. */
  release(): SandboxProcess
  /** Ends it, with nothing of the agent run. */
  discard(): Promise<void>
}

/** `rootPath`: where the agent works; need not be there yet. `author`: of the agent's own commits. Throws when the provider cannot start a process. */
export async function holdAgent(
  { files, stdin, argv, env, mounts, endpoints }: HarnessCommand,
  place: { provider: SandboxProvider; sandboxId: string; rootPath: string; author: CommitIdentity },
): Promise<HeldAgent> {
  const input = Promise.withResolvers<string>()
  const contents = files.map(({ content }, index) => [`HARNESS_FILE_${index}`, content])
  const paths = files.map(({ path }) => path)
  const child = await place.provider.start(place.sandboxId, {
    argv: ['/bin/sh', '-c', SCRIPT, 'sh', place.rootPath, String(files.length), ...paths, ...argv],
    cwd: WORKSPACE_PATH,
    env: { ...env, ...Object.fromEntries(contents), ...gitIdentityVariables(place.author) },
    stdin: input.promise,
    network: 'egress',
    mounts,
    endpoints,
  })
  let isDecided = false
  return {
    release: () => {
      isDecided = true
      input.resolve(`${GO}${stdin}`)
      return child
    },
    discard: async () => {
      if (isDecided) return
      isDecided = true
      input.reject(new Error('discarded'))
      const ended = child.stop(0)
      await Promise.all([child.stdout.cancel(), child.stderr.cancel(), ended])
    },
  }
}

/** Whether the agent has never run because its files could not be written. */
export function isNotStarted(end: { exitCode: number | null; stderrTail: string }): boolean {
  return end.exitCode === NOT_STARTED_EXIT_CODE && end.stderrTail.includes(NOT_STARTED)
}
