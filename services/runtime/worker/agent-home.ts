/**
 * What an earlier agent of the same sandbox left in HOME that would command the next one's CLI before its model has
 * said a word: settings, hooks, skills, shell start-up files. It goes; caches, installed tools and conversations stay.
 */

/** Of programs in general, but for `.gitconfig`, which git-identity.ts writes anew; `.config` is where most keep their settings now. */
const SETTINGS = [
  ...['.agents', '.claude.json', '.claude.json.backup', '.config', '.env', '.mcp.json'],
  ...['.bash_aliases', '.bash_login', '.bash_logout', '.bash_profile', '.bashrc', '.inputrc', '.kshrc'],
  ...['.profile', '.zlogin', '.zlogout', '.zprofile', '.zshenv', '.zshrc'],
  ...['.git-credentials', '.gitattributes', '.gitignore', '.gnupg', '.netrc', '.ssh'],
  ...[
    '.bunfig.toml',
    '.condarc',
    '.curlrc',
    '.npmrc',
    '.pip',
    '.pypirc',
    '.wgetrc',
    '.yarnrc',
    '.yarnrc.yml',
  ],
  ...['.cargo/config', '.cargo/config.toml', '.docker', '.gradle/gradle.properties', '.gradle/init.d'],
  ...['.gradle/init.gradle', '.m2/settings.xml'],
]

/** What is written for the harness before it starts: nothing in there is an earlier agent's. */
const HARNESS_FILES_DIRECTORY = '.mogplex'

/** The CLIs' own directories, of which nothing but this stays: conversations, and what they know of them. */
const CLI_DIRECTORIES = ['.claude', '.codex']
const KEPT_OF_CLIS = [
  '.claude/projects',
  '.codex/archived_sessions',
  '.codex/sessions',
  ...['goals', 'logs', 'state', 'thread_history'].map(name => `.codex/${name}_*.sqlite*`),
]

/** Everything in a directory, hidden or not, but itself and its parent. */
const allIn = (directory: string) => ['*', '.[!.]*', '..?*'].map(glob => `${directory}/${glob}`)

/**
 * Shell code, for inside: the host must follow no link of an agent's. Fails when something could not be removed, also
 * where the agent took the right to do so away from itself.
 */
export const RESET_HOME = `
reset_home() {
  cd -- "$HOME" || return
  [ -w . ] || chmod u+rwx . || return
  for harness_path in ${CLI_DIRECTORIES.join(' ')}; do
    if [ -L "$harness_path" ] || { [ -e "$harness_path" ] && [ ! -d "$harness_path" ]; }; then
      rm -f -- "$harness_path" || return
    elif [ -e "$harness_path" ] && { [ ! -w "$harness_path" ] || [ ! -r "$harness_path" ] || [ ! -x "$harness_path" ]; }; then
      chmod u+rwx -- "$harness_path" || return
    fi
  done
  set --
  for harness_path in ${[HARNESS_FILES_DIRECTORY, ...SETTINGS, ...CLI_DIRECTORIES.flatMap(allIn)].join(' ')}; do
    case $harness_path in ${KEPT_OF_CLIS.join(' | ')}) continue ;; esac
    if [ -e "$harness_path" ] || [ -L "$harness_path" ]; then set -- "$@" "$harness_path"; fi
  done
  [ $# = 0 ] || rm -rf -- "$@" 2>/dev/null || { chmod -R u+rwX -- "$@" 2>/dev/null; rm -rf -- "$@"; }
}
`
