/** What a person may set for the launcher itself; settings of the processes are in `child-environment.ts`. */
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { readConfig } from '@mogplex/kit/config.ts'
import { Type } from '@sinclair/typebox'

const LauncherSettings = Type.Object({
  MOGPLEX_HOME: Type.Optional(Type.String({ description: 'directory of data, keys and logs' })),
  PORT: Type.Integer({ default: 8787, minimum: 1, maximum: 65_535, description: "the gateway's port" }),
  DATABASE_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'a Postgres to use; may make roles and schemas',
    }),
  ),
  NATS_URL: Type.Optional(Type.String({ pattern: '^nats://', description: 'a NATS with JetStream to use' })),
  PUBLIC_BASE_URL: Type.Optional(
    Type.String({ pattern: '^https?://', description: 'the address people open' }),
  ),
})

export interface Settings {
  /** Absolute. */
  home: string
  port: number
  /** Without a slash at the end. */
  publicBaseUrl: string
  /** Login of an administrator; null starts a Postgres of our own. */
  databaseUrl: string | null
  /** Null starts a NATS of our own. */
  natsUrl: string | null
}

/** Throws `ConfigError` that names what is wrong. Relative homes are beneath `root`, the repository. */
export function readSettings(environment: Record<string, string | undefined>, root: string): Settings {
  const config = readConfig(LauncherSettings, environment)
  const home = (config.MOGPLEX_HOME ?? '.mogplex').replace(/^~(?=$|\/)/, homedir())
  return {
    home: resolve(root, home),
    port: config.PORT,
    publicBaseUrl: (config.PUBLIC_BASE_URL ?? `http://localhost:${config.PORT}`).replace(/\/+$/, ''),
    databaseUrl: config.DATABASE_URL ?? null,
    natsUrl: config.NATS_URL ?? null,
  }
}
