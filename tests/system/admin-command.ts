/** The operator's commands, as `npm run admin` runs them. */
import { join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

/** On the instance whose home this is, running or not. */
export async function runAdmin(home: string, ...args: string[]) {
  const { PATH, HOME } = process.env
  const child = Bun.spawn([process.execPath, join(ROOT, 'deploy/local/main.ts'), 'admin', ...args], {
    cwd: ROOT,
    env: { PATH, HOME, MOGPLEX_HOME: home },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}
