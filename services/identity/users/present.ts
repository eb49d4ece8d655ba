/** A user as sign-in and session answers show it (identity spec 2). */
import type { User } from '../database/schema.ts'

export function presentUser({ id, email, name }: Pick<User, 'id' | 'email' | 'name'>) {
  return { id, email, name }
}
