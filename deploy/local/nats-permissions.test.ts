/** Each login against each subject and each JetStream call, on a real server with the launcher's configuration. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { inboxPrefix } from '@mogplex/kit/bus/inbox.ts'
import { connectionOptions } from '@mogplex/kit/bus/nats-settings.ts'
import { type TestNats, useNats } from '@mogplex/kit/test-bench/nats.ts'
import { FACT_READERS } from '@mogplex/proto/facts.ts'
import { SERVICE_NAMES } from '@mogplex/proto/services.ts'
import { jetstream } from '@nats-io/jetstream'
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node'
import { makeNatsSeeds } from './keys.ts'
import {
  busClientOf,
  CONTRACTS,
  NATS_CLIENTS,
  type NatsClient,
  natsUsers,
  permissionsOf,
} from './nats-permissions.ts'
import { issuerOf, PROCESS_NAMES } from './processes.ts'

setDefaultTimeout(120_000)

const seeds = makeNatsSeeds()
let nats: TestNats
const connections = new Map<NatsClient, NatsConnection>()

/** Written out, so that a slip in the rules is not taken for the rule. */
const MAY_PUBLISH: Record<NatsClient, string[]> = {
  gateway: [
    ...['pat.resolve', 'session.resolve', 'device.resolve', 'user.get'].map(name => `rpc.identity.${name}`),
    ...['renew', 'release'].map(name => `rpc.identity.gateway-lease.${name}`),
  ],
  identity: [
    'rpc.runtime.sandbox.capability',
    ...['installation.reconcile', 'installation.claim', 'github.sync', 'github.summary'].map(
      name => `rpc.projects.${name}`,
    ),
    'gateway-lease.drop.some-gateway',
    'evt.identity.some.fact',
    '$JS.API.STREAM.INFO.evt-identity',
  ],
  projects: [
    'rpc.identity.user.get',
    'rpc.identity.github-token.get',
    'evt.projects.some.fact',
    '$JS.API.STREAM.INFO.evt-projects',
  ],
  runtime: [
    ...['user.get', 'provider-key.get', 'models.usable', 'model.price', 'github-token.get'].map(
      name => `rpc.identity.${name}`,
    ),
    ...CONTRACTS.filter(
      ({ subject, callers }) => /^rpc\.projects/.test(subject) && callers.includes('runtime'),
    ).map(({ subject }) => subject),
    'live.run.some-run',
    'evt.runtime.some.fact',
    '$JS.API.STREAM.INFO.evt-runtime',
    ...[
      ['evt-projects', 'runtime-repo-deleted'],
      ['evt-identity', 'runtime-user-disabled'],
    ].flatMap(([stream, consumer]) => [
      `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      `$JS.ACK.${stream}.${consumer}.1.1.1.1.0`,
    ]),
  ],
  launcher: [
    ...SERVICE_NAMES.flatMap(name => ['INFO', 'CREATE'].map(verb => `$JS.API.STREAM.${verb}.evt-${name}`)),
    ...[
      ['evt-projects', 'runtime-repo-deleted', 'evt.projects.repo.deleted'],
      ['evt-identity', 'runtime-user-disabled', 'evt.identity.user.disabled'],
    ].flatMap(([stream, consumer, subject]) => [
      `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${consumer}`,
      `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.${subject}`,
    ]),
  ],
}
const inboxOf = (name: NatsClient) => `${inboxPrefix(busClientOf(name))}.x`
const MAY_SUBSCRIBE: Record<NatsClient, string[]> = {
  gateway: [inboxOf('gateway'), 'gateway-lease.drop.some-gateway'],
  identity: [inboxOf('identity'), 'rpc.identity.user.get in queue identity'],
  projects: [inboxOf('projects'), 'rpc.projects.some.question in queue projects'],
  runtime: [inboxOf('runtime'), 'rpc.runtime.some.question in queue runtime', 'live.run.*'],
  launcher: [inboxOf('launcher')],
}

const STREAM_VERBS = ['CREATE', 'UPDATE', 'INFO', 'DELETE', 'PURGE', 'SNAPSHOT', 'RESTORE']
const MORE_STREAM_VERBS = ['MSG.GET', 'MSG.DELETE', 'PEER.REMOVE', 'LEADER.STEPDOWN']
const CONSUMER_VERBS = ['CREATE', 'DURABLE.CREATE', 'INFO', 'DELETE', 'MSG.NEXT', 'LEADER.STEPDOWN', 'PAUSE']
const OTHER_CALLS = [
  ...['INFO', 'STREAM.NAMES', 'STREAM.LIST', 'STREAM.CREATE.own', 'STREAM.TEMPLATE.CREATE.own'],
  ...['META.LEADER.STEPDOWN', 'META.SERVER.REMOVE', 'ACCOUNT.PURGE.$G', 'SERVER.REMOVE'],
].map(call => `$JS.API.${call}`)

const CALLS = SERVICE_NAMES.flatMap(service => {
  const stream = `evt-${service}`
  const consumers = [...FACT_READERS.map(({ consumer }) => consumer), 'own-consumer']
  return [
    ...[...STREAM_VERBS, ...MORE_STREAM_VERBS].map(verb => `$JS.API.STREAM.${verb}.${stream}`),
    ...['CONSUMER.NAMES', 'CONSUMER.LIST', 'CONSUMER.CREATE', 'DIRECT.GET'].map(
      call => `$JS.API.${call}.${stream}`,
    ),
    `$JS.API.DIRECT.GET.${stream}.evt.${service}.some.fact`,
    ...consumers.flatMap(consumer => [
      ...CONSUMER_VERBS.map(verb => `$JS.API.CONSUMER.${verb}.${stream}.${consumer}`),
      `$JS.ACK.${stream}.${consumer}.1.1.1.1.0`,
    ]),
    ...FACT_READERS.map(
      ({ consumer, event }) => `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.${event.subject}`,
    ),
    `evt.${service}.some.fact`,
    `live.${service}.x`,
  ]
})
const SUBJECTS = [
  ...new Set([
    ...CONTRACTS.map(({ subject }) => subject),
    ...NATS_CLIENTS.map(inboxOf),
    ...['live.run.some-run', 'gateway-lease.drop.some-gateway', '_INBOX.x', '_R_.x', 'anything'],
    ...['$KV.bucket.key', '$O.bucket.M.x', '$JS.FC.evt-identity.x', '$SYS.REQ.SERVER.PING', '$SYS.ACCOUNT.x'],
    ...OTHER_CALLS,
    ...CALLS,
  ]),
]
const SUBSCRIPTIONS = [
  ...NATS_CLIENTS.map(inboxOf),
  ...['>', '*', 'evt.>', 'rpc.>', 'live.>', 'live.run.*', '_INBOX.>', '_INBOX_mogplex-gateway.>'],
  ...['gateway-lease.drop.*', 'gateway-lease.drop.some-gateway', '$JS.>', '$JS.API.>', '$JS.ACK.>', '$SYS.>'],
  ...['$JS.EVENT.>', 'rpc.*.user.get', 'rpc.identity.>', 'rpc.projects.>', 'rpc.runtime.>'],
  ...['rpc.identity.user.get', 'rpc.projects.some.question', 'rpc.runtime.some.question'].flatMap(subject => [
    subject,
    ...[...SERVICE_NAMES, 'own'].map(queue => `${subject} in queue ${queue}`),
  ]),
  ...SERVICE_NAMES.map(name => `evt.${name}.>`),
]
/** Its own with a wildcard. */
const ALSO_MAY_SUBSCRIBE = new Set(['gateway gateway-lease.drop.*', 'gateway _INBOX_mogplex-gateway.>'])

/** What the server refused, as `publish subject` and `subscribe subject`. */
const refused = new Map<NatsClient, Set<string>>()

async function connectAs(name: NatsClient): Promise<NatsConnection> {
  const ca = readFileSync(nats.caFile, 'utf8')
  const connection = await connect({
    ...connectionOptions({ url: nats.url, ca, nkeySeed: seeds[name] }),
    inboxPrefix: inboxPrefix(busClientOf(name)),
  })
  connections.set(name, connection)
  return connection
}

async function tryEverything(name: NatsClient): Promise<Set<string>> {
  const connection = await connectAs(name)
  const found = new Set<string>()
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type !== 'error' || !(status.error instanceof PermissionViolationError)) continue
      const { operation, subject, queue } = status.error
      found.add(`${operation} ${subject}${queue ? ` in queue ${queue}` : ''}`)
    }
  })()
  // No call is complete without a request in its body: what is let through does nothing.
  for (const subject of SUBJECTS) connection.publish(subject, 'no request')
  for (const text of SUBSCRIPTIONS) {
    const [subject = '', queue] = text.split(' in queue ')
    connection.subscribe(subject, { callback: () => undefined, ...(queue ? { queue } : {}) })
  }
  await connection.flush()
  await connection.flush()
  return found
}

beforeAll(async () => {
  const users = natsUsers(seeds)
  nats = await useNats({ jetstream: true, tls: true, users, launcherSeed: seeds.launcher })
  for (const name of NATS_CLIENTS) refused.set(name, await tryEverything(name))
})
afterAll(async () => {
  await Promise.all([...connections.values()].map(connection => connection.close()))
  await nats.close()
})

test('there are contracts, and every caller of each may ask it', () => {
  expect(CONTRACTS.length).toBeGreaterThan(5)
  for (const { callers, subject } of CONTRACTS)
    for (const name of PROCESS_NAMES)
      expect(permissionsOf(name).publish.includes(subject)).toBe(callers.includes(issuerOf(name)))
})

test('what is written out here is among what is tried', () => {
  for (const name of NATS_CLIENTS) {
    expect(MAY_PUBLISH[name].filter(subject => !SUBJECTS.includes(subject))).toEqual([])
    expect(MAY_SUBSCRIBE[name].filter(text => !SUBSCRIPTIONS.includes(text))).toEqual([])
  }
})

for (const name of NATS_CLIENTS) {
  test.each(SUBJECTS.map(subject => [subject, MAY_PUBLISH[name].includes(subject)]))(
    `${name} publishes to %s: let through is %p`,
    (subject, may) => {
      expect(refused.get(name)?.has(`publish ${subject}`)).toBe(!may)
    },
  )
  test.each(
    SUBSCRIPTIONS.map(text => [
      text,
      MAY_SUBSCRIBE[name].includes(text) || ALSO_MAY_SUBSCRIBE.has(`${name} ${text}`),
    ]),
  )(`${name} subscribes to %s: let in is %p`, (text, may) => {
    expect(refused.get(name)?.has(`subscription ${text}`)).toBe(!may)
  })
}

test('facts of one service are stored, and read by another through its durable consumer', async () => {
  const [projects, runtime] = [connections.get('projects'), connections.get('runtime')]
  if (!projects || !runtime) throw new Error('not connected')
  await jetstream(projects).publish('evt.projects.repo.deleted', 'a fact')
  const consumer = await jetstream(runtime).consumers.get('evt-projects', 'runtime-repo-deleted')
  const received = await consumer.next({ expires: 20_000 })
  expect(received?.string()).toBe('a fact')
  expect(await received?.ackAck()).toBe(true)
})

test('nobody is let in without a key', async () => {
  const ca = readFileSync(nats.caFile, 'utf8')
  const options = { ...connectionOptions({ url: nats.url, ca }), reconnect: false }
  await expect(connect(options)).rejects.toThrow(/authorization/i)
})
