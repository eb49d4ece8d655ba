/** `npm test`: everything `bun test` finds, and a closing line that says it in one way. */
import { availableParallelism } from 'node:os'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'

const COUNTS = { passed: /^\s*(\d+) pass$/gm, failed: /^\s*(\d+) fail$/gm, errors: /^\s*(\d+) errors?$/gm }

/** A machine that does much else needs many times the 5 s a test has otherwise; only one that hangs gets here. */
const TEST_LIMIT_MS = 120_000

/** Most files wait for processes more than they compute, but each starts a crowd of them. */
const MAX_FILES_AT_ONCE = 4

/**
 * Resolves with the exit code of the run. `args` go to `bun test`. Files run at the same time, each in a
 * process of its own; they share one Postgres server, in which each asker has a database of its own.
 */
export async function runTests(root: string, args: readonly string[]): Promise<number> {
  const filesAtOnce = Math.min(availableParallelism(), MAX_FILES_AT_ONCE)
  const flags = [`--timeout=${TEST_LIMIT_MS}`, `--parallel=${filesAtOnce}`]
  const { adminUrl } = await usePostgres()
  const child = Bun.spawn([process.execPath, 'test', ...flags, ...args], {
    cwd: root,
    env: {
      ...process.env,
      TEST_DATABASE_URL: adminUrl,
      ...(process.stderr.isTTY ? { FORCE_COLOR: '1' } : {}),
    },
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'pipe',
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  const decoder = new TextDecoder()
  let report = ''
  for await (const bytes of child.stderr) {
    process.stderr.write(bytes)
    report += decoder.decode(bytes, { stream: true })
  }
  const exitCode = await child.exited
  const { passed, failed } = closingCounts(report, exitCode)
  console.log(`\n${passed} passed, ${failed} failed`)
  return exitCode === 0 && failed > 0 ? 1 : exitCode
}

/**
 * Reads the counts off the report of `bun test`. A file that could not be loaded counts as one failure, and
 * a run that failed without saying why has at least one.
 */
export function closingCounts(report: string, exitCode: number): { passed: number; failed: number } {
  const text = Bun.stripANSI(report)
  const failed = lastCount(text, COUNTS.failed)
  return {
    passed: lastCount(text, COUNTS.passed),
    failed: exitCode === 0 ? failed : Math.max(failed, lastCount(text, COUNTS.errors), 1),
  }
}

function lastCount(text: string, pattern: RegExp): number {
  return Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0)
}
