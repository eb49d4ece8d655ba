/**
 * A repository with stand-ins for the gateway and the services, so that tests of the launcher are about the
 * launcher alone. Postgres and NATS are real.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'

const START = join(import.meta.dir, '../../deploy/local/start/start.ts')

/** Answers /readyz, tells its environment, starts a process of its own, and can be told not to end. */
const STAND_IN = `
  process.on('SIGINT', () => undefined)
  const child = Bun.spawn(['sleep', '120'])
  const { SOCKET } = process.env
  // As the services do: what a killed one left.
  if (SOCKET) require('node:fs').rmSync(SOCKET, { force: true })
  let isStubborn = false
  process.on('SIGTERM', () => { if (!isStubborn) process.exit(0) })
  Bun.serve({
    ...(process.env.SOCKET
      ? { unix: process.env.SOCKET }
      : { hostname: process.env.HOST, port: Number(process.env.PORT), reusePort: false }),
    fetch: request => {
      const path = new URL(request.url).pathname
      if (path === '/stubborn') isStubborn = true
      return Response.json(path === '/environment' ? process.env : { childPid: child.pid })
    },
  })
  console.log(JSON.stringify({ level: 30, event: 'up' }))
`

/** The command that starts the launcher on such a repository. `programs` replaces the text of some. */
export function standInLauncher(programs: Record<string, string> = {}): string[] {
  const root = temporaryDirectory('stand-ins')
  for (const folder of ['gateway', 'services/identity', 'services/projects', 'services/runtime']) {
    const file = join(root, folder, 'main.ts')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, programs[folder] ?? STAND_IN)
  }
  const main = join(root, 'launch.ts')
  writeFileSync(
    main,
    `import { start } from '${START}'\nawait start({ root: import.meta.dir, environment: process.env })\n`,
  )
  return [process.execPath, main]
}
