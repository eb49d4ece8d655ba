/** Loaded before every run of `bun test` (bunfig.toml), in which the process' exit event does not come. */
import { afterAll } from 'bun:test'
import { endEverything } from './ended-at-exit.ts'

afterAll(endEverything)
