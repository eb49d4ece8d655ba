/**
 * Loaded before every run of `bun test` (bunfig.toml): the process' exit event does not come in one, and a
 * machine that does other things too may need longer than the 5 s a test has otherwise.
 */
import { afterAll, setDefaultTimeout } from 'bun:test'
import { endEverything } from './ended-at-exit.ts'

// First: it holds for what is declared after it.
setDefaultTimeout(30_000)
afterAll(endEverything)
