import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Bus, openBus } from '@mogplex/kit/bus/connect.ts'
import { inboxPrefix } from '@mogplex/kit/bus/inbox.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { withLogin } from '@mogplex/kit/postgres-server/access.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type TestNats, useNats } from '@mogplex/kit/test-bench/nats.ts'
import { AckPolicy } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { CONTRACTS, natsUsers, permissionsOf } from './nats-permissions.ts'
import { issuerOf, PROCESS_NAMES, type ProcessName } from './processes.ts'

const log = createLog({ process: 'test', level: 'silent' })
const passwords = { gateway: 'g', identity: 'i', projects: 'p', runtime: 'r' }

let nats: TestNats
const buses: Bus[] = []
beforeAll(async () => {
  nats = await useNats({ jetstream: true, users: natsUsers(passwords) })
})
afterAll(async () => {
  await Promise.all(buses.map(bus => bus.close()))
  await nats.close()
})

/** As the process itself connects. */
async function connectAs(name: ProcessName): Promise<{ bus: Bus; connection: NatsConnection }> {
  const bus = openBus({ url: withLogin(nats.url, name, passwords[name]), serviceName: issuerOf(name), log })
  buses.push(bus)
  await waitUntil(() => bus.connection() !== null, { limitMs: 20_000 })
  const connection = bus.connection()
  if (!connection) throw new Error(`${name} is not let in`)
  return { bus, connection }
}

/** Resolves with what the server refused while `act` was done. */
async function refusal(connection: NatsConnection, act: () => unknown): Promise<string> {
  const refused = (async () => {
    for await (const status of connection.status()) if (status.type === 'error') return String(status.error)
    return 'closed'
  })()
  act()
  await connection.flush()
  return Promise.race([refused, Bun.sleep(20_000).then(() => 'nothing refused')])
}

test('there are contracts, and every caller of each may ask it', () => {
  expect(CONTRACTS.length).toBeGreaterThan(5)
  for (const { callers, subject } of CONTRACTS)
    for (const name of PROCESS_NAMES)
      expect(permissionsOf(name).publish.includes(subject)).toBe(callers.includes(issuerOf(name)))
})

test('a question reaches its owner and the reply its asker', async () => {
  const [identity, gateway] = [await connectAs('identity'), await connectAs('gateway')]
  identity.connection.subscribe('rpc.identity.pat.resolve', {
    callback: (_, message) => void message.respond('answer'),
  })
  await identity.connection.flush()
  const reply = await gateway.connection.request('rpc.identity.pat.resolve', '', { timeout: 20_000 })
  expect(reply.string()).toBe('answer')
})

test('facts of one service are stored, and read by another through a durable consumer', async () => {
  const [projects, runtime] = [await connectAs('projects'), await connectAs('runtime')]
  await projects.bus.ensureEventStream()
  const message = { eventId: '1', at: '', userId: null, requestId: null, payload: {} }
  await projects.bus.publishEvent('evt.projects.repo.deleted', message)
  const manager = await runtime.bus.jetstreamManager()
  await manager.consumers.add('evt-projects', {
    durable_name: 'runtime-test',
    ack_policy: AckPolicy.Explicit,
  })
  const consumer = await runtime.bus.jetstream().consumers.get('evt-projects', 'runtime-test')
  const received = await consumer.next({ expires: 20_000 })
  expect(received?.subject).toBe('evt.projects.repo.deleted')
  expect(await received?.ackAck()).toBe(true)
})

test.each<[ProcessName, string, (connection: NatsConnection) => unknown]>([
  ['projects', 'asks what it is no caller of', c => c.publish('rpc.identity.provider-key.get')],
  [
    'runtime',
    'answers for another service',
    c => c.subscribe('rpc.identity.>', { callback: () => undefined }),
  ],
  ['runtime', 'tells another’s facts', c => c.publish('evt.identity.user.disabled')],
  ['gateway', 'tells facts', c => c.publish('evt.identity.user.disabled')],
  ['projects', 'deletes a stream', c => c.publish('$JS.API.STREAM.DELETE.evt-projects')],
  [
    'projects',
    'reads replies meant for another',
    c => c.subscribe(`${inboxPrefix('runtime')}.>`, { callback: () => undefined }),
  ],
  ['identity', 'reads everything', c => c.subscribe('>', { callback: () => undefined })],
])('%s is refused when it %s', async (name, _, act) => {
  const { connection } = await connectAs(name)
  expect(await refusal(connection, () => act(connection))).toMatch(/permissions violation/i)
})

test('nobody is let in without a login', async () => {
  await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow(/authorization/i)
})
