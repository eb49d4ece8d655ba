/**
 * Puts a harness's own files (`.mogplex/…`) into the checkout before it starts (runtime spec 3.1, "MCP"). By a
 * process of the sandbox: the checkout is the agent's, and a link in it must not lead the host astray.
 */
import type { HarnessFile } from '../harnesses/harness.ts'
import { type SandboxProvider, WORKSPACE_PATH } from '../sandboxes/provider.ts'
import { RunFailure } from './run-failure.ts'

const CONTROL_DIRECTORY = '.mogplex'
const SCRIPT = `
[ -d ${CONTROL_DIRECTORY} ] || rm -f -- ${CONTROL_DIRECTORY}
mkdir -p -- "$(dirname -- "$FILE")" && rm -rf -- "$FILE" && exec cat > "$FILE"
`

/** Over whatever is there. Throws `sandbox_lost` when a file cannot be written. */
export async function writeHarnessFiles(
  files: readonly HarnessFile[],
  sandboxId: string,
  provider: SandboxProvider,
): Promise<void> {
  for (const { path, content } of files) {
    const child = await provider.start(sandboxId, {
      argv: ['/bin/sh', '-c', SCRIPT],
      cwd: WORKSPACE_PATH,
      env: { FILE: path },
      stdin: content,
      network: 'none',
    })
    const { exitCode } = await child.exited
    if (exitCode !== 0) throw new RunFailure('sandbox_lost', `The file ${path} could not be written`)
  }
}
