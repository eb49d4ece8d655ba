/** A user as sign-in and session answers show it (identity spec 2). */
import type * as wire from '@mogplex/proto/wire/sessions.ts'
import type { User } from '../database/schema.ts'

export function presentUser({ id, email, name }: Pick<User, 'id' | 'email' | 'name'>): wire.User {
  return { id, email, name }
}
