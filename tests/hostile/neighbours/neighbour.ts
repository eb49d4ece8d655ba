/** Another user of the machine, who runs programs of their own: uid 65534 where the tests run as root. */
import { findExecutable } from '@mogplex/kit/processes/find-executable.ts'
import { atExit } from '@mogplex/kit/test-bench/ended-at-exit.ts'

export const NEIGHBOUR = 65_534
/** Elsewhere nobody can become another user: there the neighbour is ourselves, and what needs another is left out. */
export const isAnother = process.getuid?.() === 0

const BECOME = isAnother ? ['setpriv', `--reuid=${NEIGHBOUR}`, `--regid=${NEIGHBOUR}`, '--clear-groups'] : []

/** Runs a program; resolves with all it printed. */
export async function asNeighbour(...command: string[]): Promise<{ code: number; output: string }> {
  const child = spawnAsNeighbour(command)
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, output: out + err }
}

/** Runs a module of node's, given as text: the neighbour may not be able to read this repository. */
export function nodeAsNeighbour(script: string, ...args: string[]) {
  return spawnAsNeighbour([
    findExecutable('node') ?? 'node',
    '--input-type=module',
    '-e',
    script,
    '--',
    ...args,
  ])
}

function spawnAsNeighbour(command: string[]) {
  const child = Bun.spawn([...BECOME, ...command], {
    cwd: '/',
    env: { PATH: process.env.PATH },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  atExit(() => child.kill('SIGKILL'))
  return child
}

const KNOCK = `
  import { connect } from 'node:net'
  const socket = connect(process.argv[1], () => { console.log('CONNECTED'); process.exit(0) })
  socket.on('error', error => { console.log(error.code); process.exit(1) })`

/** Connects to a socket; gives `CONNECTED` or the code of the error. */
export async function knockAt(path: string): Promise<string> {
  return (await new Response(nodeAsNeighbour(KNOCK, path).stdout).text()).trim()
}
