/** The SQL of grants to command lines. */
import type { Transaction } from '@mogplex/kit/database/connect.ts'
import { eq } from 'drizzle-orm'
import { cliGrants } from '../database/schema.ts'

/** False when the consent was used before, or the user used its nonce before. */
export async function insertGrant(tx: Transaction, grant: typeof cliGrants.$inferInsert): Promise<boolean> {
  const made = await tx
    .insert(cliGrants)
    .values(grant)
    .onConflictDoNothing()
    .returning({ jti: cliGrants.jti })
  return made.length === 1
}

/** Links an approved grant with the token it made. */
export async function linkKey(tx: Transaction, jti: string, apiKeyId: string): Promise<void> {
  await tx.update(cliGrants).set({ apiKeyId }).where(eq(cliGrants.jti, jti))
}
