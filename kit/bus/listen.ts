/**
 * Reads another service's facts: a durable pull consumer, each fact handled in one transaction with its
 * inbox mark, so that a repeated fact has no second effect. A fact that keeps failing is put aside in
 * `dead_letters` and does not hold up the others.
 */
import { type FactReader, factStream, tellerOf } from '@mogplex/proto/facts.ts'
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import { Type } from '@sinclair/typebox'
import type { Database, Transaction } from '../database/connect.ts'
import { messageOf } from '../describe-error.ts'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { DeadLettersTable, InboxTable } from '../outbox/tables.ts'
import { check } from '../validation.ts'
import type { Bus } from './connect.ts'

const MAX_DELIVERIES = 8
const DEFAULT_RETRY_BASE_MS = 500
const RETRY_MAX_MS = 60_000
const RESTART_MS = 1_000
const BATCH = 50
const WAIT_MS = 5_000

const Message = Type.Object({
  eventId: Type.String(),
  /** Missing in messages of earlier versions. */
  subject: Type.Optional(Type.String()),
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

export interface Listener {
  reader: FactReader
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
    const consumer = await openConsumer(listener.reader, options.bus)
    // Batch by batch rather than as one endless stream: a consumer that is gone, because NATS lost its
    // disk, then shows as an error here, and is looked for until it was made anew.
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
        if (!isStopped)
          options.log.warn({ event: 'listen.restarting', consumer: listener.reader.consumer, err })
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

function openConsumer({ consumer, event }: FactReader, bus: Bus): Promise<Consumer> {
  return bus.jetstream().consumers.get(factStream(tellerOf(event)), consumer)
}

async function receive(message: JsMsg, listener: Listener, options: ListenOptions): Promise<void> {
  try {
    const received = check(Message, JSON.parse(message.string()))
    if (received.subject !== undefined && received.subject !== message.subject)
      throw new Error(`a copy of a fact that was told as ${received.subject}`)
    check(listener.reader.event.payload, received.payload)
    await options.database.transaction(async tx => {
      const fresh = await tx
        .insert(options.inbox)
        .values({ consumer: listener.reader.consumer, eventId: received.eventId })
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
  options.log.warn({ event: 'listen.failed', consumer: listener.reader.consumer, deliveries, err })
  // A plain nak() would be redelivered at once, and max_deliver would leave the message stuck.
  if (deliveries < MAX_DELIVERIES)
    return message.nak(
      Math.min((options.retryBaseMs ?? DEFAULT_RETRY_BASE_MS) * 2 ** deliveries, RETRY_MAX_MS),
    )
  try {
    await options.database.insert(options.deadLetters).values({
      id: newId(),
      consumer: listener.reader.consumer,
      subject: message.subject,
      // Postgres stores no NUL: refusing it would bring the message back for ever.
      body: message.string().replaceAll('\0', '\ufffd'),
      error: messageOf(err),
    })
    message.term('put aside in dead_letters')
  } catch (storeError) {
    options.log.error({ event: 'listen.not-put-aside', consumer: listener.reader.consumer, err: storeError })
    message.nak(RETRY_MAX_MS)
  }
}
