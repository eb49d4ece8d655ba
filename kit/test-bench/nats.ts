/** A real nats-server for tests, one for every asker, that can be taken away and brought back. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FactReader } from '@mogplex/proto/facts.ts'
import { connect } from '@nats-io/transport-node'
import { inboxPrefix } from '../bus/inbox.ts'
import { connectionOptions } from '../bus/nats-settings.ts'
import { ensureStreams } from '../bus/streams.ts'
import { makeCertificate } from '../nats-server/certificate.ts'
import { isNatsAnswering, type NatsUser, natsCommand, natsConfig } from '../nats-server/server.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { atExit, temporaryDirectory } from './ended-at-exit.ts'
import { reservePort } from './ports.ts'

export interface TestNats {
  /** Without a login. */
  url: string
  port: number
  /** The certificate to know the server by, when it was started with TLS. */
  caFile: string
  /** Takes the server away (SIGKILL); its port and its store stay reserved for {@link TestNats.start}. */
  stop: () => Promise<void>
  /** Brings it back on the same port; `wipeStore` as if its disk had been lost meanwhile. */
  start: (options?: { wipeStore?: boolean }) => Promise<void>
  /** Ends it for good; not needed before the process exits. */
  close: () => Promise<void>
}

export interface TestNatsOptions {
  jetstream?: boolean
  /** Who may log in, and use which subjects; everybody may do everything when left out. */
  users?: NatsUser[]
  /** Speaks TLS, as the launcher's server does. */
  tls?: boolean
  /** With JetStream, streams are made at every start, as the launcher does, with consumers for these readers. */
  readers?: readonly FactReader[]
  /** With `users`, the seed of the one that makes them; without it none are made. */
  launcherSeed?: string
}

const START_LIMIT_MS = 15_000

/**
 * Starts a server on a free port of 127.0.0.1.
 *
 * @example
 * const nats = await useNats({ jetstream: true })
 * await nats.stop()
 * await nats.start({ wipeStore: true })
 */
export async function useNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const { jetstream = false, users = null, tls = false, launcherSeed } = options
  const directory = temporaryDirectory('nats')
  const storeDirectory = jetstream ? join(directory, 'store') : null
  const configFile = join(directory, 'nats.conf')
  const files = { certificate: join(directory, 'certificate.pem'), key: join(directory, 'key.pem') }
  const port = await reservePort()
  if (tls) {
    const { certificate, key } = makeCertificate()
    writeFileSync(files.certificate, certificate)
    writeFileSync(files.key, key, { mode: 0o600 })
  }
  writeFileSync(configFile, natsConfig({ port, storeDirectory, users, tls: tls ? files : null }))
  const url = `${tls ? 'tls' : 'nats'}://127.0.0.1:${port}`

  let child: Bun.Subprocess | null = null
  const stop = async () => {
    child?.kill('SIGKILL')
    await child?.exited
    child = null
  }
  const start: TestNats['start'] = async ({ wipeStore = false } = {}) => {
    if (child) throw new Error('this NATS server is running already')
    if (wipeStore && storeDirectory) rmSync(storeDirectory, { recursive: true, force: true })
    const started = Bun.spawn(natsCommand(configFile), {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    started.unref()
    child = started
    const isUp = () => started.exitCode !== null || isNatsAnswering(port)
    if (!(await waitUntil(isUp, { limitMs: START_LIMIT_MS, everyMs: 20 })) || started.exitCode !== null)
      throw new Error('the NATS server for tests did not start')
    if (jetstream && (launcherSeed || !users)) await makeStreams(url, options, tls ? files.certificate : null)
  }
  const forget = atExit(() => child?.kill('SIGKILL'))
  await start()
  const close = async () => {
    await stop()
    forget()
    rmSync(directory, { recursive: true, force: true })
  }
  return { url, port, caFile: files.certificate, stop, start, close }
}

async function makeStreams(
  url: string,
  { launcherSeed, readers }: TestNatsOptions,
  caFile: string | null,
): Promise<void> {
  const ca = caFile ? { ca: readFileSync(caFile, 'utf8') } : {}
  const seed = launcherSeed ? { nkeySeed: launcherSeed } : {}
  const connection = await connect({
    ...connectionOptions({ url, ...ca, ...seed }),
    inboxPrefix: inboxPrefix('launcher'),
  })
  await ensureStreams(connection, readers)
  await connection.close()
}
