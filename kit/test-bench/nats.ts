/** A real nats-server for tests, one for every asker, that can be taken away and brought back. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isNatsAnswering, type NatsUser, natsCommand, natsConfig } from '../nats-server/server.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { atExit, temporaryDirectory } from './ended-at-exit.ts'
import { reservePort } from './ports.ts'

export interface TestNats {
  /** Without a login, when the server was started without users. */
  url: string
  port: number
  /** Takes the server away (SIGKILL); its port and its store stay reserved for {@link TestNats.start}. */
  stop: () => Promise<void>
  /** Brings it back on the same port; `wipeStore` as if its disk had been lost meanwhile. */
  start: (options?: { wipeStore?: boolean }) => Promise<void>
  /** Ends it for good; not needed before the process exits. */
  close: () => Promise<void>
}

const START_LIMIT_MS = 15_000

/**
 * Starts a server on a free port of 127.0.0.1. `users`: who may log in, and use which subjects; everybody
 * may do everything when left out.
 *
 * @example
 * const nats = await useNats({ jetstream: true })
 * await nats.stop()
 * await nats.start({ wipeStore: true })
 */
export async function useNats(options: { jetstream?: boolean; users?: NatsUser[] } = {}): Promise<TestNats> {
  const directory = temporaryDirectory('nats')
  const storeDirectory = options.jetstream ? join(directory, 'store') : null
  const configFile = join(directory, 'nats.conf')
  const port = await reservePort()
  writeFileSync(configFile, natsConfig({ port, storeDirectory, users: options.users ?? null }), {
    mode: 0o600,
  })

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
  }
  const forget = atExit(() => child?.kill('SIGKILL'))
  await start()
  const close = async () => {
    await stop()
    forget()
    rmSync(directory, { recursive: true, force: true })
  }
  return { url: `nats://127.0.0.1:${port}`, port, stop, start, close }
}
