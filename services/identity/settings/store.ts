/** The SQL of settings: they are columns of the user. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { and, eq, isNull } from 'drizzle-orm'
import { users } from '../database/schema.ts'
import type { SettingsChange } from './settings.ts'

/** One statement that writes only what changes, so that two changes at once never undo each other. */
export async function updateSettings(
  tx: Transaction,
  userId: string,
  change: SettingsChange,
): Promise<boolean> {
  const updated = await tx
    .update(users)
    .set(change)
    .where(and(eq(users.id, userId), isNull(users.disabledAt)))
    .returning({ id: users.id })
  return updated.length > 0
}
