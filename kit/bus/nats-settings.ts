/** Which NATS to use and how to prove to it who we are: the settings, and what the client makes of them. */
import { readFileSync } from 'node:fs'
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node'
import { type Static, Type } from '@sinclair/typebox'
import { ConfigError } from '../config.ts'

const Seed = { pattern: '^SU[A-Z2-7]{56}$' }

export const NatsSettings = Type.Object({
  NATS_URL: Type.String({
    pattern: '^(nats|tls)://[^/]+',
    description: 'nats://host:port or tls://host:port, with user:password@ where the server wants it',
  }),
  NATS_CA_FILE: Type.Optional(
    Type.String({ description: 'the only certificates (PEM) by which the server may prove itself' }),
  ),
  NATS_NKEY_SEED: Type.Optional(Type.String({ ...Seed, description: 'seed of a user nkey to log in with' })),
  NATS_NKEY_SEED_FILE: Type.Optional(Type.String({ description: 'a file with such a seed' })),
  NATS_CREDS_FILE: Type.Optional(Type.String({ description: 'a credentials file to log in with' })),
})

/** A server, and a login to it. */
export interface NatsLogin {
  /** `tls://` never speaks to a server without TLS. It may carry user and password. */
  url: string
  /** PEM; instead of the authorities the system trusts. */
  ca?: string
  nkeySeed?: string
  /** The text of a credentials file. */
  credentials?: string
}

/** Reads the files that the settings name. Throws `ConfigError` that names the setting. */
export function natsLogin(config: Static<typeof NatsSettings>): NatsLogin {
  const { NATS_URL: url, NATS_CA_FILE: caFile, NATS_CREDS_FILE: credentialsFile } = config
  if (caFile && !isTls(url)) throw new ConfigError('NATS_CA_FILE: is for a NATS_URL with tls://')
  const ways = (['NATS_NKEY_SEED', 'NATS_NKEY_SEED_FILE', 'NATS_CREDS_FILE'] as const).filter(
    name => config[name],
  )
  const [way, other = new URL(url).username ? 'a user in NATS_URL' : undefined] = ways
  if (way && other) throw new ConfigError(`${way}: is set beside ${other}; one login is needed`)
  const nkeySeed = config.NATS_NKEY_SEED ?? readSeed(config.NATS_NKEY_SEED_FILE)
  return {
    url,
    ...(caFile ? { ca: readText('NATS_CA_FILE', caFile) } : {}),
    ...(nkeySeed ? { nkeySeed } : {}),
    ...(credentialsFile ? { credentials: readText('NATS_CREDS_FILE', credentialsFile) } : {}),
  }
}

/** What the client connects with. With `tls` it refuses a server that offers none, before it says anything. */
export function connectionOptions({ url, ca, nkeySeed, credentials }: NatsLogin): ConnectionOptions {
  const { host, username, password } = new URL(url)
  return {
    servers: host,
    // Other servers that it names are no business of ours, least of all before it has proved itself.
    ignoreClusterUpdates: true,
    ...(isTls(url) ? { tls: ca ? { ca } : {} } : {}),
    ...(username ? { user: decodeURIComponent(username), pass: decodeURIComponent(password) } : {}),
    ...(nkeySeed ? { authenticator: nkeyAuthenticator(new TextEncoder().encode(nkeySeed)) } : {}),
    ...(credentials ? { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) } : {}),
  }
}

function isTls(url: string): boolean {
  return url.startsWith('tls://')
}

function readSeed(file: string | undefined): string | undefined {
  if (!file) return undefined
  const seed = readText('NATS_NKEY_SEED_FILE', file).trim()
  if (new RegExp(Seed.pattern).test(seed)) return seed
  throw new ConfigError(`NATS_NKEY_SEED_FILE: ${file} holds no seed of a user nkey`)
}

function readText(setting: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (err) {
    const reason = err instanceof Error && 'code' in err ? String(err.code) : 'it cannot be read'
    throw new ConfigError(`${setting}: ${file}: ${reason}`)
  }
}
