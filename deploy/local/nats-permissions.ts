/**
 * Who may use which NATS subjects (design, "Between services"). The contracts of `proto` are the table: a
 * process may ask what a contract lists it as a caller of, tell its own facts, read those that `proto/facts.ts`
 * lists it as a reader of, wake and be woken where `proto/runtime.ts` says so, and nothing else. Streams and
 * consumers are the launcher's to make.
 */

import type { BusClient } from '@mogplex/kit/bus/connect.ts'
import { inboxPrefix } from '@mogplex/kit/bus/inbox.ts'
import type { NatsUser } from '@mogplex/kit/nats-server/server.ts'
import type { Ask } from '@mogplex/proto/contract.ts'
import { FACT_READERS, type FactReader, factStream, factSubjects, tellerOf } from '@mogplex/proto/facts.ts'
import * as gatewayLeases from '@mogplex/proto/gateway-leases.ts'
import * as identity from '@mogplex/proto/identity.ts'
import * as projects from '@mogplex/proto/projects.ts'
import * as runtime from '@mogplex/proto/runtime.ts'
import { SERVICE_NAMES } from '@mogplex/proto/services.ts'
import { fromSeed } from '@nats-io/nkeys'
import { issuerOf, PROCESS_NAMES, type ProcessName } from './processes.ts'

/** Every question there is. */
export const CONTRACTS: readonly Ask[] = [identity, gatewayLeases, projects, runtime].flatMap(family =>
  Object.values<unknown>({ ...family }).filter(isAsk),
)

/** Who logs in: the processes, and the launcher, which makes streams. */
export type NatsClient = ProcessName | 'launcher'
export const NATS_CLIENTS: readonly NatsClient[] = [...PROCESS_NAMES, 'launcher']

/** The name with which a client connects. */
export function busClientOf(name: NatsClient): BusClient {
  return name === 'launcher' ? name : issuerOf(name)
}

/** One login for each client, by the seed of its nkey. The server learns public keys only. */
export function natsUsers(seeds: Record<NatsClient, string>): NatsUser[] {
  return NATS_CLIENTS.map(name => ({ nkey: publicNkey(seeds[name]), ...permissionsOf(name) }))
}

interface Permissions {
  publish: string[]
  subscribe: string[]
}

/** The subjects a client may publish and subscribe to. */
export function permissionsOf(name: NatsClient): Permissions {
  // Replies carry keys and credentials: each client has inboxes that only it can read.
  const inbox = `${inboxPrefix(busClientOf(name))}.>`
  if (name === 'launcher') return { publish: streamMaking(), subscribe: [inbox] }
  const asks = CONTRACTS.filter(contract => contract.callers.includes(issuerOf(name)))
  const everybody = { publish: asks.map(contract => contract.subject), subscribe: [inbox] }
  const drops = gatewayLeases.ALL_DROP_SUBJECTS
  // Nobody else may listen: an acknowledgement by anybody else would keep a dead credential alive.
  if (name === 'gateway') return { ...everybody, subscribe: [inbox, drops] }
  const live = runtime.LIVE_SUBJECTS[name]
  return {
    publish: [
      ...everybody.publish,
      ...live,
      ...(name === 'identity' ? [drops] : []),
      factSubjects(name),
      `$JS.API.STREAM.INFO.${factStream(name)}`,
      ...FACT_READERS.filter(({ service }) => service === name).flatMap(consumerUse),
    ],
    // With its queue only: without one, it would hear what another process of the service answers.
    subscribe: [inbox, ...live, `rpc.${name}.> ${name}`],
  }
}

function consumerUse({ consumer, event }: FactReader): string[] {
  const stream = factStream(tellerOf(event))
  return [
    `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
    `$JS.ACK.${stream}.${consumer}.>`,
  ]
}

/** To make what is missing and see what is there; not to change, empty, read or delete anything. */
function streamMaking(): string[] {
  const streams = SERVICE_NAMES.map(factStream)
  return [
    ...streams.flatMap(stream => ['INFO', 'CREATE'].map(verb => `$JS.API.STREAM.${verb}.${stream}`)),
    ...FACT_READERS.flatMap(({ consumer, event }) => {
      const stream = factStream(tellerOf(event))
      return [
        `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
        `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${consumer}`,
        // How servers from 2.9 on spell it.
        `$JS.API.CONSUMER.CREATE.${stream}.${consumer}.${event.subject}`,
      ]
    }),
  ]
}

function publicNkey(seed: string): string {
  return fromSeed(new TextEncoder().encode(seed)).getPublicKey()
}

function isAsk(value: unknown): value is Ask {
  return (
    typeof value === 'object' &&
    value !== null &&
    'subject' in value &&
    'callers' in value &&
    String(value.subject).startsWith('rpc.')
  )
}
