/** The launcher's commands; `bootstrap.mjs` calls this once everything they need is there. */
import { dirname } from 'node:path'
import { runAdmin } from './commands/admin.ts'
import { runChecks } from './commands/check.ts'
import { runScript } from './commands/script.ts'
import { runTests } from './commands/test.ts'
import { start } from './start/start.ts'

const root = dirname(dirname(import.meta.dir))
const [command = 'start', ...rest] = process.argv.slice(2)

const commands: Record<string, () => Promise<number>> = {
  start: () => start({ root, environment: process.env }),
  test: () => runTests(root, rest),
  check: () => runChecks(root),
  demo: () => runScript(root, 'tests/demo/main.ts', rest),
  admin: () => runAdmin({ root, environment: process.env, args: rest }),
  bench: () => runScript(root, 'bench/main.ts', rest),
}

const run = commands[command]
if (!run) {
  console.error(`Unknown command ${command}; known are ${Object.keys(commands).join(', ')}.`)
  process.exit(1)
}
process.exit(await run())
