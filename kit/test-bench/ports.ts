/** Ports for the servers of tests: no two test processes are given the same one. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '../processes/free-port.ts'
import { identifyProcess } from '../processes/identity.ts'
import { atExit } from './ended-at-exit.ts'

const ATTEMPTS = 200

/**
 * A free port of 127.0.0.1 that stays the caller's until the tests are over, also while nothing listens on
 * it: the server may take a while to start, or be taken away and brought back. `find` gives one that is free now.
 */
export async function reservePort(find: () => Promise<number> = findFreePort): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = await find()
    const claim = join(tmpdir(), `mogplex-test-port-${port}`)
    if (!take(claim)) continue
    atExit(() => rmSync(claim, { force: true }))
    return port
  }
  throw new Error('no port that no other test has')
}

/** True when the file is ours now: there was none, or its owner is gone. */
function take(claim: string): boolean {
  if (write(claim)) return true
  if (isOfSomebody(claim)) return false
  rmSync(claim, { force: true })
  return write(claim)
}

function write(claim: string): boolean {
  try {
    writeFileSync(claim, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    return false
  }
}

function isOfSomebody(claim: string): boolean {
  try {
    const pid = Number.parseInt(readFileSync(claim, 'utf8'), 10)
    // Empty: somebody is writing it just now.
    return !(pid > 0) || identifyProcess(pid) !== null
  } catch {
    return false
  }
}
