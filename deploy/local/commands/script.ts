/** Runs one of the repository's own programs. */

/** Resolves with its exit code. Signals reach it directly: it belongs to the same process group. */
export async function runScript(root: string, script: string, args: readonly string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, script, ...args], {
    cwd: root,
    stdin: 'inherit',
    stdout: 'inherit',
    stderr: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return child.exited
}
