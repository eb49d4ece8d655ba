/**
 * The process of a repository's install command. What it was run with is marked in the checkout once it has ended
 * well, by the shell around it, so that it runs again when it was interrupted, has failed, or has other inputs.
 */
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { readScript } from '../git/sandbox-git.ts'
import type { SandboxProcess, SandboxProvider } from '../sandboxes/provider.ts'
import { gitIdentityVariables, WRITE_GIT_IDENTITY } from './git-identity.ts'
import type { CommitIdentity } from './inputs.ts'

export interface InstallCommand {
  command: string
  /** Relative to the checkout, where the command runs; null: at its top. */
  rootDirectory: string | null
}

/** Arguments: root directory, key, command. Its exit code is the command's; 126 without a root directory. */
const SCRIPT = `${await readScript('install-inputs.sh')}
${WRITE_GIT_IDENTITY}
write_git_identity
install_root=$1 install_key=$2 install_command=$3
rm -rf "$installed_marker"
inputs_before=$(install_inputs "$install_root" "$install_key")
(
  cd -- "./$install_root" || exit 126
  exec /bin/sh -c "$install_command"
)
install_exit=$?
[ "$install_exit" = 0 ] || exit "$install_exit"
mkdir -p .git/mogplex
{
  printf '%s\\n' "$inputs_before"
  install_inputs "$install_root" "$install_key"
} > "$installed_marker"
exit 0
`

/** Tells one command from another, for `syncCheckout`. */
export function installKey({ command }: InstallCommand): string {
  return sha256Hex(command)
}

/** Throws when no process can be started in the sandbox. */
export async function startInstallCommand(
  install: InstallCommand,
  place: {
    provider: SandboxProvider
    sandboxId: string
    env: Record<string, string>
    /** Of commits that the command makes. */
    author: CommitIdentity
  },
): Promise<SandboxProcess> {
  const { provider, sandboxId, env, author } = place
  const { command, rootDirectory } = install
  return await provider.start(sandboxId, {
    argv: ['/bin/sh', '-c', SCRIPT, 'sh', rootDirectory ?? '', installKey(install), `${command}\n`],
    env: { ...env, ...gitIdentityVariables(author) },
    network: 'egress',
  })
}
