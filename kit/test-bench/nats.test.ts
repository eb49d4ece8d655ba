import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { factStream } from '@mogplex/proto/facts.ts'
import { SERVICE_NAMES } from '@mogplex/proto/services.ts'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { type TestNats, useNats } from './nats.ts'

setDefaultTimeout(120_000)

const PRODUCT_STREAMS = SERVICE_NAMES.map(factStream)
const servers: TestNats[] = []
const start = async () => {
  const nats = await useNats({ jetstream: true })
  servers.push(nats)
  return nats
}
afterAll(() => Promise.all(servers.map(nats => nats.close())))

async function streamNames(nats: TestNats): Promise<string[]> {
  const connection = await connect({ servers: nats.url })
  const manager = await jetstreamManager(connection)
  const names = await Array.fromAsync(manager.streams.names())
  await connection.close()
  return names
}

async function addStream(nats: TestNats): Promise<void> {
  const connection = await connect({ servers: nats.url })
  await (await jetstreamManager(connection)).streams.add({ name: 'kept', subjects: ['kept.>'] })
  await connection.close()
}

test('a server that was taken away comes back on its port with its streams', async () => {
  const nats = await start()
  await addStream(nats)
  await nats.stop()
  await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow()
  await nats.start()
  expect(await streamNames(nats)).toEqual([...PRODUCT_STREAMS, 'kept'])
})

test('a server that lost its disk comes back with the product’s streams, made anew', async () => {
  const nats = await start()
  await addStream(nats)
  await nats.stop()
  await nats.start({ wipeStore: true })
  expect(await streamNames(nats)).toEqual(PRODUCT_STREAMS)
})
