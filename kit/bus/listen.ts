/**
 * Reads another service's facts: a durable pull consumer, each fact handled in one transaction with its
 * inbox mark, so that a repeated fact has no second effect. A fact that keeps failing is put aside in
 * `dead_letters` and does not hold up the others.
 */
import type { Tell } from '@mogplex/proto/contract.ts'
import type { Issuer } from '@mogplex/proto/services.ts'
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
} from '@nats-io/jetstream'
import { Type } from '@sinclair/typebox'
import type { Database, Transaction } from '../database/connect.ts'
import { messageOf } from '../describe-error.ts'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { DeadLettersTable, InboxTable } from '../outbox/tables.ts'
import { check } from '../validation.ts'
import { type Bus, eventStreamName } from './connect.ts'

const MAX_DELIVERIES = 8
const DEFAULT_RETRY_BASE_MS = 500
const RETRY_MAX_MS = 60_000
const RESTART_MS = 1_000
const BATCH = 50
const WAIT_MS = 5_000
const ACK_WAIT_NS = 30e9

const Message = Type.Object({
  eventId: Type.String(),
  at: Type.String(),
  userId: Type.Union([Type.String(), Type.Null()]),
  requestId: Type.Union([Type.String(), Type.Null()]),
  payload: Type.Record(Type.String(), Type.Unknown()),
})

export interface ReceivedEvent<Payload> {
  eventId: string
  userId: string | null
  payload: Payload
}

export interface Listener<Event extends Tell = Tell> {
  /** Durable name; stays the same for ever, `<reader>-<what it does>`. */
  consumer: string
  event: Event
  handle: (tx: Transaction, event: ReceivedEvent<Record<string, unknown>>) => Promise<void>
}

export interface ListenOptions {
  bus: Bus
  database: Database
  inbox: InboxTable
  deadLetters: DeadLettersTable
  log: Log
  /** Wait before the second try; doubles with each further one. Default 500 ms. */
  retryBaseMs?: number
  /** Runs after each handled fact's commit. */
  afterCommit?: () => void
}

/** Reads until stopped, through outages of NATS, from the oldest fact the stream still holds. */
export function listen(listener: Listener, options: ListenOptions): { stop: () => Promise<void> } {
  let isStopped = false
  let batch: ConsumerMessages | null = null
  const readWhileThere = async () => {
    const consumer = await openConsumer(listener, options.bus)
    // Batch by batch rather than as one endless stream: a consumer that is gone, because NATS lost its
    // disk, then shows as an error here, and is made anew.
    while (!isStopped) {
      batch = await consumer.fetch({ max_messages: BATCH, expires: WAIT_MS })
      for await (const message of batch) await receive(message, listener, options)
    }
  }
  const loop = async () => {
    while (!isStopped) {
      try {
        if (options.bus.connection()) await readWhileThere()
      } catch (err) {
        if (!isStopped) options.log.warn({ event: 'listen.restarting', consumer: listener.consumer, err })
      }
      if (!isStopped) await Bun.sleep(RESTART_MS)
    }
  }
  const finished = loop()
  return {
    stop: async () => {
      isStopped = true
      batch?.stop()
      await finished
    },
  }
}

async function openConsumer({ consumer, event }: Listener, bus: Bus): Promise<Consumer> {
  const owner = event.subject.split('.')[1] as Issuer
  const stream = eventStreamName(owner)
  const manager = await bus.jetstreamManager()
  const known = await manager.consumers.info(stream, consumer).catch(() => null)
  if (!known) {
    await manager.consumers.add(stream, {
      durable_name: consumer,
      filter_subject: event.subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: ACK_WAIT_NS,
      max_deliver: -1,
    })
  }
  return bus.jetstream().consumers.get(stream, consumer)
}

async function receive(message: JsMsg, listener: Listener, options: ListenOptions): Promise<void> {
  try {
    const received = check(Message, JSON.parse(message.string()))
    check(listener.event.payload, received.payload)
    await options.database.transaction(async tx => {
      const fresh = await tx
        .insert(options.inbox)
        .values({ consumer: listener.consumer, eventId: received.eventId })
        .onConflictDoNothing()
        .returning({ eventId: options.inbox.eventId })
      if (fresh.length > 0) await listener.handle(tx, received)
    })
    message.ack()
    options.afterCommit?.()
  } catch (err) {
    await retryOrPutAside(message, listener, options, err)
  }
}

async function retryOrPutAside(
  message: JsMsg,
  listener: Listener,
  options: ListenOptions,
  err: unknown,
): Promise<void> {
  const deliveries = message.info.deliveryCount
  options.log.warn({ event: 'listen.failed', consumer: listener.consumer, deliveries, err })
  // A plain nak() would be redelivered at once, and max_deliver would leave the message stuck.
  if (deliveries < MAX_DELIVERIES)
    return message.nak(
      Math.min((options.retryBaseMs ?? DEFAULT_RETRY_BASE_MS) * 2 ** deliveries, RETRY_MAX_MS),
    )
  try {
    await options.database.insert(options.deadLetters).values({
      id: newId(),
      consumer: listener.consumer,
      subject: message.subject,
      body: message.string(),
      error: messageOf(err),
    })
    message.term('put aside in dead_letters')
  } catch (storeError) {
    options.log.error({ event: 'listen.not-put-aside', consumer: listener.consumer, err: storeError })
    message.nak(RETRY_MAX_MS)
  }
}
