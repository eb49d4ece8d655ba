/** Runs a program of the set-up and says how long it takes. */
import { spawn } from 'node:child_process'

const STILL_THERE_EVERY_MS = 10_000

/** True when it ended well. Its output is not shown. */
export function succeeds(command) {
  return new Promise(resolve => {
    const child = spawn(command[0], command.slice(1), { stdio: 'ignore' })
    child.on('error', () => resolve(false))
    child.on('exit', code => resolve(code === 0))
  })
}

/**
 * Runs `command`, saying `what` is done before, while it lasts and after. Throws with its output when it
 * fails. `isTalkative`: its output is good progress itself and goes to the terminal.
 */
export async function runStep(what, command, { cwd, env, isTalkative = false } = {}) {
  const startedAt = Date.now()
  const seconds = () => `${((Date.now() - startedAt) / 1000).toFixed(0)} s`
  console.log(`${what} …`)
  const reminder = setInterval(() => console.log(`${what} … ${seconds()}`), STILL_THERE_EVERY_MS)
  const stdio = isTalkative ? 'inherit' : ['ignore', 'pipe', 'pipe']
  const child = spawn(command[0], command.slice(1), { cwd, env: { ...process.env, ...env }, stdio })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', bytes => {
      output += bytes
    })
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  }).finally(() => clearInterval(reminder))
  if (code !== 0) throw new Error(`${output}${what} failed (${command.join(' ')})`)
  console.log(`${what}: done in ${seconds()}`)
}
