/**
 * The streams and durable consumers of the facts between services (`proto/facts.ts`). Services have no right to
 * make or change any: the launcher does, with a login of its own, each time it connects.
 */
import { FACT_READERS, type FactReader, factStream, factSubjects, tellerOf } from '@mogplex/proto/facts.ts'
import { SERVICE_NAMES } from '@mogplex/proto/services.ts'
import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
} from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'

/** How long a stream holds a fact after it was published, and so may deliver it again. */
export const EVENT_MAX_AGE_DAYS = 7
const ACK_WAIT_NS = 30e9
const API_TIMEOUT_MS = 5_000

/** Makes what is missing; what is there already keeps its contents and its place. */
export async function ensureStreams(
  connection: NatsConnection,
  readers: readonly FactReader[] = FACT_READERS,
): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: API_TIMEOUT_MS })
  for (const service of SERVICE_NAMES) {
    await manager.streams.info(factStream(service)).catch(() =>
      manager.streams.add({
        name: factStream(service),
        subjects: [factSubjects(service)],
        retention: RetentionPolicy.Limits,
        max_age: EVENT_MAX_AGE_DAYS * 86_400 * 1e9,
      }),
    )
  }
  for (const reader of readers) await ensureConsumer(manager, reader)
}

/** From the oldest fact that the stream still holds. */
async function ensureConsumer(manager: JetStreamManager, { consumer, event }: FactReader): Promise<void> {
  const stream = factStream(tellerOf(event))
  await manager.consumers.info(stream, consumer).catch(() =>
    manager.consumers.add(stream, {
      durable_name: consumer,
      filter_subject: event.subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: ACK_WAIT_NS,
      max_deliver: -1,
    }),
  )
}
