/** The admitted and refused run starts of a user, kept in `limit_events` (runtime spec 1). */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { unavailable } from '@mogplex/kit/errors.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { and, eq, gt } from 'drizzle-orm'
import { limitEvents } from '../database/schema.ts'
import {
  type BudgetDenial,
  deniedBy,
  LONGEST_WINDOW_SECONDS,
  RUN_START_ROUTE_KEY,
  RUN_START_WINDOWS,
  type WindowUse,
} from './budget.ts'

/**
 * Claims one start, or says why not; either is recorded. The caller holds the user's lock until commit,
 * so that parallel claims count each other. A store that fails is 503: nothing starts uncounted.
 */
export async function claimRunStart(
  tx: Transaction,
  userId: string,
  now: Date,
): Promise<BudgetDenial | null> {
  try {
    const denial = deniedBy(await readUses(tx, userId, now), now.getTime())
    await tx.insert(limitEvents).values({
      id: newId(),
      userId,
      routeKey: RUN_START_ROUTE_KEY,
      decision: denial ? 'denied' : 'allowed',
      reason: denial?.reason ?? null,
      createdAt: now,
    })
    return denial
  } catch (cause) {
    throw budgetUnavailable(cause)
  }
}

/** 503 of a budget that cannot be read or claimed now (v1 contract 3). */
export function budgetUnavailable(cause?: unknown) {
  return unavailable('External Mogplex run rate limit unavailable', { retryAfterSeconds: 60, cause })
}

async function readUses(tx: Transaction, userId: string, now: Date): Promise<WindowUse[]> {
  const starts = await tx
    .select({ createdAt: limitEvents.createdAt })
    .from(limitEvents)
    .where(
      and(
        eq(limitEvents.userId, userId),
        eq(limitEvents.routeKey, RUN_START_ROUTE_KEY),
        eq(limitEvents.decision, 'allowed'),
        gt(limitEvents.createdAt, new Date(now.getTime() - LONGEST_WINDOW_SECONDS * 1000)),
      ),
    )
    .orderBy(limitEvents.createdAt)
  // At most the day's quota of rows, so the windows are counted here.
  return RUN_START_WINDOWS.map(({ seconds }) => {
    const counted = starts
      .map(start => start.createdAt.getTime())
      .filter(atMs => atMs > now.getTime() - seconds * 1000)
    return { count: counted.length, oldestMs: counted[0] ?? null }
  })
}
