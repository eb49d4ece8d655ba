/** How far a user is with the App of this instance (identity spec 3, 4). */
import type { Queryable } from '@mogplex/kit/database/connect.ts'
import { and, eq, isNull, lte, or } from 'drizzle-orm'
import { users } from '../database/schema.ts'

const PENDING_MS = 24 * 3_600_000
const RECONCILE_REST_MS = 300_000

/** The user goes to install it: until tomorrow that is pending, and is looked for at once. */
export async function beginInstall(db: Queryable, userId: string, now: Date): Promise<void> {
  const githubInstallPendingUntil = new Date(now.getTime() + PENDING_MS)
  await db
    .update(users)
    .set({ githubInstallPendingUntil, githubReconcileAfter: null })
    .where(eq(users.id, userId))
}

/** An installation is the user's. */
export async function recordInstalled(db: Queryable, userId: string): Promise<void> {
  await db
    .update(users)
    .set({ githubAuthMode: 'app', githubInstallPendingUntil: null, githubReconcileAfter: null })
    .where(eq(users.id, userId))
}

/** Until when nobody else looks; null when somebody does already, or did a moment ago. */
export async function takeReconcile(db: Queryable, userId: string, now: Date): Promise<Date | null> {
  const until = new Date(now.getTime() + RECONCILE_REST_MS)
  const taken = await db
    .update(users)
    .set({ githubReconcileAfter: until })
    .where(
      and(eq(users.id, userId), or(isNull(users.githubReconcileAfter), lte(users.githubReconcileAfter, now))),
    )
    .returning({ id: users.id })
  return taken.length > 0 ? until : null
}

/** The look came to nothing: whoever comes next looks again, unless somebody does already. */
export async function giveReconcileBack(db: Queryable, userId: string, until: Date): Promise<void> {
  await db
    .update(users)
    .set({ githubReconcileAfter: null })
    .where(and(eq(users.id, userId), eq(users.githubReconcileAfter, until)))
}
