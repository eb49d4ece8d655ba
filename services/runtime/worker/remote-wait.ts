/** Runs that wait for a remote that does not answer: said when they are given back, and when they wait in vain. */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { desc, eq, sql } from 'drizzle-orm'
import { type AgentRun, aiCallEvents } from '../database/schema.ts'
import type { RemoteOutage } from '../git/failure.ts'
import { stageEvent } from './event-mapping.ts'
import type { EventWriter } from './event-writer.ts'

/** Stores an event that tells what the run waits for; the run is then given back. */
export async function noteRemoteOutage(writer: EventWriter, outage: RemoteOutage): Promise<void> {
  const message = `${outage.message}. The run waits and is tried again`
  await writer.add([stageEvent('git_sync', message, { level: 'warning', waits_for: outage.message })])
  await writer.flush()
}

/** What the run waited for last, as {@link noteRemoteOutage} told it; null when it was no remote. */
export async function remoteWaitedFor(database: Database, run: AgentRun): Promise<string | null> {
  const [event] = await database
    .select({ reason: sql<string | null>`${aiCallEvents.payload}->>'waits_for'` })
    .from(aiCallEvents)
    .where(eq(aiCallEvents.aiCallId, run.aiCallId))
    .orderBy(desc(aiCallEvents.position))
    .limit(1)
  return event?.reason ?? null
}
