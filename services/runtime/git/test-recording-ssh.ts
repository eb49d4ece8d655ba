/** A stand-in for the ssh program, to see what git's ssh is given. Loaded by tests only. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { GitHost } from './host-git.ts'
import type { Bench } from './test-bench.ts'

/** Writes down what it was given and runs the remote command here. */
const SSH = `#!/bin/sh
for argument; do
  printf '%s\\n' "$argument" >> "$SSH_RECORD"
  case $argument in IdentityFile=*) key=$(printf '%s' "$argument" | sed 's/^IdentityFile="\\(.*\\)"$/\\1/') ;; esac
  command=$argument
done
if [ -n "$key" ]; then
  stat -c 'mode %a' "$key" "$(dirname "$key")" >> "$SSH_RECORD"
  cat "$key" >> "$SSH_RECORD"
fi
exec sh -c "$command"
`

/** A host whose ssh is that program; `record` is the file it writes. */
export async function recordingSsh(bench: Bench): Promise<{ host: GitHost; record: string }> {
  const directory = join(bench.root, `ssh ${crypto.randomUUID()}`)
  await mkdir(directory)
  await writeFile(join(directory, 'ssh'), SSH)
  await chmod(join(directory, 'ssh'), 0o755)
  const record = join(directory, 'record')
  const environment = { PATH: `${directory}:/usr/bin:/bin`, SSH_RECORD: record }
  return { host: { ...bench.host, environment }, record }
}
