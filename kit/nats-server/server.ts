/** A nats-server of our own: its configuration file, its command, and whether it answers. */
import { findExecutable } from '../processes/find-executable.ts'
import { tiedToParent } from '../processes/tied-to-parent.ts'

/** A login and the subjects it may use; `*` and `>` as NATS has them, with a queue behind a blank. */
export interface NatsUser {
  /** Public key: the client proves that it has the other half, and sends no secret. */
  nkey: string
  publish: string[]
  subscribe: string[]
}

export interface NatsServerOptions {
  port: number
  /** Directory of JetStream's files; null runs without JetStream. */
  storeDirectory: string | null
  /** Null lets everybody in: for tests only. */
  users: NatsUser[] | null
  /** Files of the certificate by which clients tell the server; null speaks in the open. */
  tls: { certificate: string; key: string } | null
}

const MAX_MEMORY_BYTES = 128 * 1024 ** 2
/** Of a machine that does much else at once. */
const HANDSHAKE_LIMIT_S = 15
/** The longest an asker waits, and a little: see the deadlines in `proto`. */
const RESPONSE_LIMIT = '30s'
const MAX_FILE_BYTES = 8 * 1024 ** 3

/** The text of a configuration file; it holds no secret. nats-server reads JSON. */
export function natsConfig({ port, storeDirectory, users, tls }: NatsServerOptions): string {
  const config = {
    host: '127.0.0.1',
    port,
    ...(storeDirectory
      ? {
          jetstream: {
            store_dir: storeDirectory,
            max_memory_store: MAX_MEMORY_BYTES,
            max_file_store: MAX_FILE_BYTES,
          },
        }
      : {}),
    ...(tls ? { tls: { cert_file: tls.certificate, key_file: tls.key, timeout: HANDSHAKE_LIMIT_S } } : {}),
    ...(users ? { authorization: { timeout: HANDSHAKE_LIMIT_S, users: users.map(asConfig) } } : {}),
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

function asConfig({ nkey, publish, subscribe }: NatsUser) {
  // `allow_responses`: whoever is asked may answer to the asker's inbox, once, without a right of its own.
  const permissions = {
    publish: { allow: publish },
    subscribe: { allow: subscribe },
    allow_responses: { max: 1, expires: RESPONSE_LIMIT },
  }
  return { nkey, permissions }
}

/** The command of a server with this configuration file. Throws one clear line without the program. */
export function natsCommand(configFile: string): string[] {
  const program = findExecutable('nats-server')
  if (!program) throw new Error('nats-server is not installed; install it, or set NATS_URL')
  return tiedToParent([program, '--config', configFile], 'TERM')
}

/** True when a NATS server greets on this port of 127.0.0.1 within a second. */
export async function isNatsAnswering(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  try {
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_, bytes) => resolve(bytes.toString('latin1').startsWith('INFO ')),
        close: () => resolve(false),
        error: () => resolve(false),
      },
    })
    const timer = setTimeout(() => resolve(false), 1_000)
    const isAnswering = await promise
    clearTimeout(timer)
    socket.end()
    return isAnswering
  } catch {
    return false
  }
}
