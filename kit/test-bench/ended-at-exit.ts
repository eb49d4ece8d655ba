/**
 * What a test process started or wrote ends with it, also when a test failed or forgot. `end-with-the-run.ts`
 * sees to it in a run of `bun test`; the exit event does in any other process.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identifyProcess } from '../processes/identity.ts'

const PREFIX = 'mogplex-test-'

const endings = new Set<() => void>()
let isPrepared = false

/** Runs `end` when the tests are over; it cannot wait for anything. Returns how to forget it again. */
export function atExit(end: () => void): () => void {
  prepare()
  endings.add(end)
  return () => void endings.delete(end)
}

/** Ends everything now, last started first. */
export function endEverything(): void {
  for (const end of [...endings].toReversed()) end()
  endings.clear()
}

/** A new directory, 0700, removed at the end. Its name tells whose it is. */
export function temporaryDirectory(purpose: string): string {
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-${purpose}-`))
  atExit(() => remove(directory))
  return directory
}

function prepare(): void {
  if (isPrepared) return
  isPrepared = true
  process.on('exit', endEverything)
  removeWhatKilledRunsLeft()
}

/** A test run that was killed could not tidy up; its servers have died with it, its files have not. */
function removeWhatKilledRunsLeft(): void {
  for (const name of readdirSync(tmpdir()).filter(entry => entry.startsWith(PREFIX))) {
    const pid = Number.parseInt(name.slice(PREFIX.length), 10)
    if (pid > 0 && identifyProcess(pid) === null) removeIfNobodyElseDoes(join(tmpdir(), name))
  }
}

/** Another process may have found it at the same moment. */
function removeIfNobodyElseDoes(directory: string): void {
  try {
    remove(directory)
  } catch {
    // Then it is being removed, or the next one tries again.
  }
}

function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}
