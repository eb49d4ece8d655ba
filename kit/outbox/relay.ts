/**
 * Publishes recorded facts to JetStream, in the order they were recorded, at least once.
 *
 * One relay of a service works at a time (an advisory lock), which keeps the order. A row stays after it
 * was published: when the stream turns out to be younger than rows it should hold, NATS has lost its disk
 * and they are published again; readers drop what they have already handled by their inbox.
 */
import { and, asc, gt, inArray, isNull, lt, sql } from 'drizzle-orm'
import type { Bus } from '../bus/connect.ts'
import type { Database } from '../database/connect.ts'
import type { Log } from '../log.ts'
import type { OutboxTable } from './tables.ts'

const BATCH = 200
const POLL_MS = 1_000
/** Only facts recorded within it are published again when NATS has lost its disk. */
export const RESEND_WINDOW_DAYS = 7

/** What a published message holds; readers get it back typed from `listen`. */
export interface EventMessage {
  eventId: string
  /** The subject again, so that a copy of the message under another one is no fact. */
  subject: string
  at: string
  userId: string | null
  requestId: string | null
  payload: Record<string, unknown>
}

export interface Relay {
  /** Publishes soon instead of at the next poll. Call after a commit that recorded something. */
  poke: () => void
  stop: () => Promise<void>
}

export function startRelay(options: { bus: Bus; database: Database; outbox: OutboxTable; log: Log }): Relay {
  let wake: () => void = () => undefined
  let isStopped = false
  const pause = () =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, POLL_MS)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const loop = async () => {
    let streamCheckedFor = ''
    while (!isStopped) {
      try {
        const createdAt = await options.bus.eventStreamMadeAt()
        if (createdAt !== streamCheckedFor) {
          await forgetPublicationsBefore(options, new Date(createdAt))
          streamCheckedFor = createdAt
        }
        while (!isStopped && (await publishBatch(options)) === BATCH);
      } catch (err) {
        if (!isStopped) options.log.warn({ event: 'outbox.waiting', err })
      }
      if (!isStopped) await pause()
    }
  }

  const finished = loop()
  return {
    poke: () => wake(),
    stop: async () => {
      isStopped = true
      wake()
      await finished
    },
  }
}

/** Rows the stream cannot hold because it was made after they were published are due again. */
async function forgetPublicationsBefore(
  { database, outbox }: { database: Database; outbox: OutboxTable },
  streamCreatedAt: Date,
): Promise<void> {
  const oldest = new Date(Date.now() - RESEND_WINDOW_DAYS * 86_400_000)
  await database
    .update(outbox)
    .set({ publishedAt: null })
    .where(and(lt(outbox.publishedAt, streamCreatedAt), gt(outbox.createdAt, oldest)))
}

async function publishBatch(options: { bus: Bus; database: Database; outbox: OutboxTable }): Promise<number> {
  const { bus, database, outbox } = options
  return database.transaction(async tx => {
    const [lock] = await tx.execute<{ held: boolean }>(
      sql`select pg_try_advisory_xact_lock(hashtext(${`outbox:${bus.serviceName}`})) as held`,
    )
    if (!lock?.held) return 0
    const rows = await tx
      .select()
      .from(outbox)
      .where(isNull(outbox.publishedAt))
      .orderBy(asc(outbox.sequence))
      .limit(BATCH)
    if (rows.length === 0) return 0
    for (const row of rows) {
      const message: EventMessage = {
        eventId: row.id,
        subject: row.subject,
        at: row.createdAt.toISOString(),
        userId: row.userId,
        requestId: row.requestId,
        payload: row.payload,
      }
      await bus.publishEvent(row.subject, message)
    }
    const ids = rows.map(row => row.id)
    await tx.update(outbox).set({ publishedAt: new Date() }).where(inArray(outbox.id, ids))
    return rows.length
  })
}
