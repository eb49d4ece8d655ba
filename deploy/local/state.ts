/**
 * `state.json` in the home: what runs now, for the next start (which ends left-overs), for tests and for a
 * curious person. 0600: the addresses of databases in it carry passwords.
 */
import { existsSync, readFileSync } from 'node:fs'
import { matches } from '@mogplex/kit/validation.ts'
import { type Static, Type } from '@sinclair/typebox'
import { writePrivateFile } from './home.ts'

const RunningProcess = Type.Object({
  pid: Type.Integer({ minimum: 2 }),
  /** See kit/processes/identity.ts: a pid alone says nothing. */
  identity: Type.String(),
  /** Where it answers; `unix:` with a path for a socket. Missing in states of older versions. */
  address: Type.Optional(Type.String()),
})
export type RunningProcess = Static<typeof RunningProcess>

export const State = Type.Object({
  launcher: Type.Object({ pid: Type.Integer(), identity: Type.String() }),
  /** The gateway, on this machine. */
  baseUrl: Type.String(),
  /** Login of the administrator. */
  databaseUrl: Type.String(),
  natsUrl: Type.String(),
  /** Where sockets are; for the next start to remove, after a kill. */
  socketDirectory: Type.Optional(Type.String()),
  /** By program name; only what the launcher started itself, and only while it runs. */
  processes: Type.Record(Type.String(), RunningProcess),
})
export type State = Static<typeof State>

/** Null when there is none, or when it is not one that this version wrote. */
export function readState(file: string): State | null {
  if (!existsSync(file)) return null
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return matches(State, content) ? content : null
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
}

export function writeState(file: string, state: State): void {
  writePrivateFile(file, `${JSON.stringify(state, null, 2)}\n`)
}
