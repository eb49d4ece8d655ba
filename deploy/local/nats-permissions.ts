/**
 * Who may use which NATS subjects (design, "Between services"). The contracts of `proto` are the table: a
 * process may ask what a contract lists it as a caller of, and nothing else.
 *
 * One thing NATS cannot say: rights on durable consumers are by stream, so a service could take from
 * another's consumer of the same stream. It could read that stream anyway.
 */

import { inboxPrefix } from '@mogplex/kit/bus/inbox.ts'
import type { NatsUser } from '@mogplex/kit/nats-server/server.ts'
import type { Ask } from '@mogplex/proto/contract.ts'
import * as gatewayLeases from '@mogplex/proto/gateway-leases.ts'
import * as identity from '@mogplex/proto/identity.ts'
import * as projects from '@mogplex/proto/projects.ts'
import * as runtime from '@mogplex/proto/runtime.ts'
import { SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import { issuerOf, PROCESS_NAMES, type ProcessName } from './processes.ts'

/** Every question there is. */
export const CONTRACTS: readonly Ask[] = [identity, gatewayLeases, projects, runtime].flatMap(family =>
  Object.values<unknown>({ ...family }).filter(isAsk),
)

/** One login for each process; its name is the process'. */
export function natsUsers(passwords: Record<ProcessName, string>): NatsUser[] {
  return PROCESS_NAMES.map(user => ({ user, password: passwords[user], ...permissionsOf(user) }))
}

/** The subjects a process may publish and subscribe to. */
export function permissionsOf(name: ProcessName): { publish: string[]; subscribe: string[] } {
  const asks = CONTRACTS.filter(contract => contract.callers.includes(issuerOf(name)))
  const everybody = {
    publish: [...asks.map(contract => contract.subject), 'live.>'],
    // Replies carry keys and credentials: each process has inboxes that only it can read.
    subscribe: [`${inboxPrefix(issuerOf(name))}.>`, 'live.>'],
  }
  const drops = gatewayLeases.ALL_DROP_SUBJECTS
  // Nobody else may listen: an acknowledgement by anybody else would keep a dead credential alive.
  if (name === 'gateway') return { ...everybody, subscribe: [...everybody.subscribe, drops] }
  return {
    publish: [
      ...everybody.publish,
      ...(name === 'identity' ? [drops] : []),
      ...[`evt.${name}.>`, ...jetStreamOwner(name), ...jetStreamReader()],
    ],
    subscribe: [...everybody.subscribe, `rpc.${name}.>`],
  }
}

function jetStreamOwner(name: ServiceName): string[] {
  return ['CREATE', 'UPDATE'].map(verb => `$JS.API.STREAM.${verb}.evt-${name}`)
}

function jetStreamReader(): string[] {
  const streams = SERVICE_NAMES.map(name => `evt-${name}`)
  return [
    '$JS.API.INFO',
    ...streams.flatMap(stream => [
      `$JS.API.STREAM.INFO.${stream}`,
      `$JS.API.CONSUMER.CREATE.${stream}.>`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.>`,
      `$JS.API.CONSUMER.INFO.${stream}.*`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
      `$JS.ACK.${stream}.>`,
    ]),
  ]
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
