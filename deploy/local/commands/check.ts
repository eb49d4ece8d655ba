/** `npm run check`: what must be right before anybody looks at a change. */
import { join } from 'node:path'
import { findForbiddenImports } from '../checks/import-directions.ts'

interface Check {
  name: string
  /** Prints what is wrong; resolves with whether all is well. */
  run: (root: string) => Promise<boolean>
}

/** Biome colours its report whatever it is written to. */
const COLOURS = process.stdout.isTTY ? [] : ['--colors=off']

const CHECKS: readonly Check[] = [
  {
    name: 'format and lint',
    run: root => tool(root, 'biome', ['ci', '--error-on-warnings', ...COLOURS, '.']),
  },
  { name: 'types', run: root => tool(root, 'tsc', ['-p', '.']) },
  { name: 'import directions', run: checkImports },
]

/** Runs all checks, also after one failed. Resolves with the exit code. */
export async function runChecks(root: string): Promise<number> {
  const failed: string[] = []
  for (const { name, run } of CHECKS) {
    const startedAt = performance.now()
    const isWell = await run(root)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${isWell ? 'ok  ' : 'FAIL'}  ${name} (${seconds} s)`)
    if (!isWell) failed.push(name)
  }
  return failed.length === 0 ? 0 : 1
}

async function tool(root: string, name: string, args: string[]): Promise<boolean> {
  const child = Bun.spawn([join(root, 'node_modules/.bin', name), ...args], {
    cwd: root,
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
  })
  return (await child.exited) === 0
}

async function checkImports(root: string): Promise<boolean> {
  const faults = await findForbiddenImports(root)
  for (const fault of faults) console.error(fault)
  return faults.length === 0
}
