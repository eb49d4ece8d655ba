/** Runs a test file as a user of this machine who has no rights, where the suite itself runs as root. */
import { chownSync, constants, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const UNPRIVILEGED = 65_534

/** Whether that user can run the file: only root can become somebody else, who must then be able to read it. */
export function canRunAsOrdinaryUser(testFile: string): boolean {
  return process.getuid?.() === 0 && isForAll(testFile) && isForAll(process.execPath)
}

/** Whether a user with no rights may enter every directory above the file and read it. */
function isForAll(path: string): boolean {
  for (let at = dirname(path); at !== '/'; at = dirname(at)) {
    if ((statSync(at).mode & constants.S_IXOTH) === 0) return false
  }
  return (statSync(path).mode & constants.S_IROTH) !== 0
}

/** Resolves with the exit code of `bun test` and what it reported. Takes as long as the file does. */
export async function runAsOrdinaryUser(testFile: string): Promise<{ exitCode: number; report: string }> {
  const home = mkdtempSync(join(tmpdir(), 'ordinary-user-'))
  try {
    chownSync(home, UNPRIVILEGED, UNPRIVILEGED)
    const setpriv = ['setpriv', `--reuid=${UNPRIVILEGED}`, `--regid=${UNPRIVILEGED}`, '--clear-groups']
    const child = Bun.spawn([...setpriv, process.execPath, 'test', '--timeout=120000', testFile], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home },
      stdout: 'ignore',
      stderr: 'pipe',
    })
    const report = await new Response(child.stderr).text()
    return { exitCode: await child.exited, report }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}
