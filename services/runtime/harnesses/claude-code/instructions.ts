/**
 * What claude still takes from the checkout. Its settings there (hooks, `apiKeyHelper`, `env`, permissions, plugins,
 * MCP servers …) run programs before the model has said a word, so it reads none of any checkout; with them it would
 * leave out the instructions that are meant for the model. Those are named to it as further directories.
 */
import { WORKSPACE_PATH } from '../../sandboxes/provider.ts'

/** Below the private /tmp of the process: nobody has been there before. */
export const INSTRUCTIONS_PATH = '/tmp/mogplex-instructions'

/** Makes `--add-dir` mean that `CLAUDE.md` and `.claude/rules` are read there. */
export const INSTRUCTIONS_VARIABLES = { CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD: '1' }

/**
 * Runs its arguments with one `--add-dir` more for each directory from where claude works up to the root of the
 * checkout. An `AGENTS.md` counts where there is no `CLAUDE.md`, as claude has it.
 */
const SCRIPT = `
mkdir -p ${INSTRUCTIONS_PATH}
directory=$PWD
while :; do
  set -- "$@" --add-dir "$directory"
  if [ ! -e "$directory/CLAUDE.md" ] && [ ! -e "$directory/.claude/CLAUDE.md" ]; then
    for name in AGENTS.md .claude/AGENTS.md; do
      [ ! -f "$directory/$name" ] || printf '@%s\\n' "$directory/$name" | sed 's/ /\\\\ /g'
    done
  fi
  case $directory in ${WORKSPACE_PATH}/*) directory=\${directory%/*} ;; *) break ;; esac
done > ${INSTRUCTIONS_PATH}/CLAUDE.md
exec "$@" --add-dir ${INSTRUCTIONS_PATH}
`

/** `argv` with the instructions of the checkout it is started in. */
export function withInstructions(argv: string[]): string[] {
  return ['/bin/sh', '-c', SCRIPT, 'sh', ...argv]
}
