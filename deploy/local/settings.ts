/** What a person may set for the launcher itself; settings of the processes are in `child-environment.ts`. */
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { NatsSettings, natsLogin } from '@mogplex/kit/bus/nats-settings.ts'
import { ConfigError, readConfig } from '@mogplex/kit/config.ts'
import { type Static, Type } from '@sinclair/typebox'

const LauncherSettings = Type.Object({
  MOGPLEX_HOME: Type.Optional(Type.String({ description: 'directory of data, keys and logs' })),
  PORT: Type.Integer({ default: 8787, minimum: 1, maximum: 65_535, description: "the gateway's port" }),
  DATABASE_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'a Postgres to use; may make roles and schemas',
    }),
  ),
  ...NatsSettings.properties,
  NATS_URL: Type.Optional(NatsSettings.properties.NATS_URL),
  PUBLIC_BASE_URL: Type.Optional(
    Type.String({ pattern: '^https?://', description: 'the address people open' }),
  ),
  SANDBOX_CGROUPS: Type.Unsafe<'auto' | 'off'>(
    Type.String({
      pattern: '^(auto|off)$',
      default: 'auto',
      description:
        'off: the kernel does not keep the limits of sandboxes, and systemd is not asked for cgroups',
    }),
  ),
})

/** A NATS that somebody else runs, as the processes are told of it. */
export type GivenNats = Static<typeof NatsSettings>

export interface Settings {
  /** Absolute. */
  home: string
  port: number
  /** Without a slash at the end. */
  publicBaseUrl: string
  /** Login of an administrator; null starts a Postgres of our own. */
  databaseUrl: string | null
  /** Null starts a NATS of our own. */
  nats: GivenNats | null
  /** Whether the runtime may have a part of the cgroups of this machine. */
  useCgroups: boolean
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
    nats: givenNats(config),
    useCgroups: config.SANDBOX_CGROUPS === 'auto',
  }
}

function givenNats(config: Static<typeof LauncherSettings>): GivenNats | null {
  const names = Object.keys(NatsSettings.properties) as (keyof GivenNats)[]
  const set = names.filter(name => config[name] !== undefined)
  const { NATS_URL } = config
  if (NATS_URL === undefined) {
    if (set.length > 0) throw new ConfigError(`${set[0]}: is for a NATS of your own; set NATS_URL`)
    return null
  }
  const given = { ...Object.fromEntries(set.map(name => [name, config[name]])), NATS_URL }
  // What is wrong with it is told now, not by four processes.
  natsLogin(given)
  return given
}
