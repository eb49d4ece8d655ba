import { expect, test } from 'bun:test'
import { chownSync, constants, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const UNPRIVILEGED = 65_534

/** Whether a user with no rights may enter every directory above the file and read it. */
function isForAll(path: string): boolean {
  for (let at = dirname(path); at !== '/'; at = dirname(at)) {
    if ((statSync(at).mode & constants.S_IXOTH) === 0) return false
  }
  return (statSync(path).mode & constants.S_IROTH) !== 0
}

/** Where the suite itself is unprivileged, limits.test.ts has shown it. */
const isProvable = process.getuid?.() === 0 && isForAll(import.meta.path) && isForAll(process.execPath)

test.skipIf(!isProvable)(
  'no attempt on the limits gets further when the runtime is an ordinary user of the host',
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'limits-user-'))
    chownSync(home, UNPRIVILEGED, UNPRIVILEGED)
    const setpriv = ['setpriv', `--reuid=${UNPRIVILEGED}`, `--regid=${UNPRIVILEGED}`, '--clear-groups']
    const suite = [process.execPath, 'test', '--timeout=120000', join(import.meta.dir, 'limits.test.ts')]
    const child = Bun.spawn([...setpriv, ...suite], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home },
      stdout: 'ignore',
      stderr: 'pipe',
    })
    const report = await new Response(child.stderr).text()
    const code = await child.exited
    rmSync(home, { recursive: true, force: true })
    expect(report).toContain(' 0 fail')
    expect(code).toBe(0)
  },
  600_000,
)
