import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { inboxPrefix } from '@mogplex/kit/bus/inbox.ts'
import { connectionOptions } from '@mogplex/kit/bus/nats-settings.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type TestNats, useNats } from '@mogplex/kit/test-bench/nats.ts'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { makeNatsSeeds } from '../keys.ts'
import { natsUsers } from '../nats-permissions.ts'
import { keepStreams } from './keep-streams.ts'

setDefaultTimeout(120_000)

const seeds = makeNatsSeeds()
let nats: TestNats
beforeAll(async () => {
  nats = await useNats({ jetstream: true, tls: true, users: natsUsers(seeds) })
})
afterAll(() => nats.close())

const loginOf = (name: keyof typeof seeds) => ({
  ...{ url: nats.url, ca: readFileSync(nats.caFile, 'utf8'), nkeySeed: seeds[name] },
})
const soon = (isTrue: () => boolean) => waitUntil(isTrue, { limitMs: 30_000, everyMs: 20 })

/** What a service sees of its stream. */
async function asRuntime<T>(
  work: (connection: Awaited<ReturnType<typeof connect>>) => Promise<T>,
): Promise<T> {
  const options = { ...connectionOptions(loginOf('runtime')), inboxPrefix: inboxPrefix('runtime') }
  const connection = await connect(options)
  return work(connection).finally(() => connection.close())
}
const madeAt = () =>
  asRuntime(async connection => {
    const manager = await jetstreamManager(connection, { checkAPI: false })
    return String((await manager.streams.info('evt-runtime')).created)
  })

test('streams are made, kept over a restart with all that is in them, and made anew after a lost disk', async () => {
  const troubles: string[] = []
  const keeper = keepStreams(loginOf('launcher'), text => troubles.push(text))
  expect(await soon(keeper.isReady)).toBe(true)
  const first = await madeAt()
  await asRuntime(connection => jetstream(connection).publish('evt.runtime.test', 'kept'))

  await nats.stop()
  expect(await soon(() => !keeper.isReady())).toBe(true)
  await nats.start()
  expect(await soon(keeper.isReady)).toBe(true)
  expect(await madeAt()).toBe(first)

  await nats.stop()
  await nats.start({ wipeStore: true })
  expect(await soon(keeper.isReady)).toBe(true)
  expect(await madeAt()).not.toBe(first)
  expect(
    await asRuntime(async c =>
      (await jetstream(c).consumers.get('evt-projects', 'runtime-repo-deleted')).info(),
    ),
  ).toMatchObject({ num_pending: 0 })
  expect(troubles).toEqual([])
  await keeper.close()
})

test('a login that may make none is told of, once', async () => {
  await nats.stop()
  await nats.start({ wipeStore: true })
  const troubles: string[] = []
  const keeper = keepStreams(loginOf('runtime'), text => troubles.push(text))
  expect(await soon(() => troubles.length > 0)).toBe(true)
  expect(keeper.isReady()).toBe(false)
  await keeper.close()
  expect(troubles).toEqual([expect.stringMatching(/^streams cannot be made: /)])
})
