/**
 * Whose name an agent's own commits carry: that of the user the run belongs to, written as git's settings of HOME.
 * Not by GIT_AUTHOR_NAME and its like, which would win over what a repository sets for itself: so a name in the
 * checkout's own settings, in the repository's variables or in `--author` still counts.
 */
import type { CommitIdentity } from './inputs.ts'

/** In the environment until the settings are written; what runs then does not get to see it. */
const VARIABLE = 'HARNESS_GIT_SETTINGS'

/** What {@link WRITE_GIT_IDENTITY} needs in its environment. */
export function gitIdentityVariables({ name, email }: CommitIdentity): Record<string, string> {
  return { [VARIABLE]: `[user]\n\tname = ${quoted(name)}\n\temail = ${quoted(email)}\n` }
}

/** As a value stands in git's settings; control characters have no place in one. */
function quoted(value: string): string {
  return `"${value.replace(/\p{Cc}/gu, ' ').replace(/["\\]/g, '\\$&')}"`
}

/**
 * Shell code, for inside. Replaces what an earlier agent left there. Starts no process unless somebody put something
 * odd in the way. That it could not be written keeps nobody from working: git says itself that it wants a name.
 */
export const WRITE_GIT_IDENTITY = `
write_git_identity() {
  if [ -L "$HOME/.gitconfig" ] || { [ -e "$HOME/.gitconfig" ] && [ ! -f "$HOME/.gitconfig" ]; } ||
    { [ -e "$HOME/.gitconfig" ] && [ ! -w "$HOME/.gitconfig" ]; }
  then rm -rf -- "$HOME/.gitconfig"; fi
  { printf %s "$${VARIABLE}" > "$HOME/.gitconfig"; } 2>/dev/null || rm -rf -- "$HOME/.gitconfig"
  unset ${VARIABLE}
}
`
