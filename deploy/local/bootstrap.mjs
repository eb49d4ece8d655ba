/**
 * First stop of every npm script: makes a fresh clone ready, then hands over to `main.ts`. Plain Node
 * without dependencies, because nothing else is there yet. When all is there it adds next to nothing.
 *
 *     node deploy/local/bootstrap.mjs start|demo|test|check|bench|admin [arguments]
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installDependencies } from './set-up/dependencies.mjs'
import { findProgram } from './set-up/find-program.mjs'
import { installPrograms } from './set-up/programs.mjs'

const OLDEST_NODE = 20
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Ends with one clear line. */
function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Runs the command in our place: signals go on to it, its end is ours. */
function handOver(command) {
  const child = spawn(command[0], command.slice(1), { cwd: root, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', error => fail(`Cannot run ${command[0]}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE)
  fail(`Node ${OLDEST_NODE} or newer is needed; this is ${process.version}. See https://nodejs.org`)
if (process.platform === 'win32') fail('Windows is not supported directly; use WSL 2.')

try {
  await installPrograms(process.argv[2])
  const bun = await installDependencies(root)
  const command = [bun, join(root, 'deploy/local/main.ts'), ...process.argv.slice(2)]
  // Killed outright, we could not tell the launcher to stop; so the kernel does.
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : null
  handOver(setpriv ? [setpriv, '--pdeathsig', 'TERM', ...command] : command)
} catch (error) {
  fail(error.message)
}
