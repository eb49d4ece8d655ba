/** Loaded before every run of `bun test` (bunfig.toml), in which the process' exit event does not come. */
import { afterAll } from 'bun:test'
import { endEverything } from './ended-at-exit.ts'

/** Many files may have to be removed, on a disk that others use too. */
const LIMIT_MS = 60_000

afterAll(endEverything, LIMIT_MS)
