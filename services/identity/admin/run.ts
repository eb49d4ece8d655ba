/** Carries one of the operator's commands out and says what came of it. */
import type { Database } from '@mogplex/kit/database/connect.ts'
import type { User } from '../database/schema.ts'
import type { Command, UserAction } from './command.ts'
import { listUsers } from './store.ts'
import { userTable } from './user-table.ts'
import {
  changeHostAccess,
  disableUser,
  enableUser,
  findByIdOrEmail,
  resetPassword,
  verifyEmail,
} from './users.ts'

/** A command that cannot be done; the message is for the operator. */
export class Refused extends Error {}

/** Resolves with what to print. Throws {@link Refused}. */
export async function runCommand(database: Database, command: Command, now: Date): Promise<string> {
  if (command.name === 'list') return userTable(await listUsers(database))
  const user = await findByIdOrEmail(database, command.who)
  if (!user) throw new Refused('There is no such user. npm run admin -- user list shows all.')
  return ACTIONS[command.name](database, user, now)
}

type Action = (database: Database, user: User, now: Date) => Promise<string>

const ACTIONS: Record<UserAction, Action> = {
  disable: async (database, user, now) =>
    (await disableUser(database, user.id, now))
      ? `${nameOf(user)} is disabled. All sessions have ended; tokens are refused.`
      : `${nameOf(user)} is disabled already.`,
  enable: async (database, user, now) =>
    (await enableUser(database, user.id, now))
      ? `${nameOf(user)} is enabled. Tokens work again; sessions stay ended.`
      : `${nameOf(user)} is not disabled.`,
  'reset-password': async (database, user, now) => {
    if (user.email === null) throw new Refused(`${nameOf(user)} has no e-mail address to sign in with.`)
    const password = await resetPassword(database, user.id, now)
    const state = user.disabledAt === null ? '' : '\nThe account is disabled all the same.'
    return `The new password of ${nameOf(user)}, shown this once:\n\n  ${password}\n\nAll sessions have ended.${state}`
  },
  'verify-email': async (database, user, now) => {
    const { id, email } = user
    if (email === null) throw new Refused(`${id} has no e-mail address.`)
    if (!(await verifyEmail(database, id, email, now)))
      throw new Refused(`${email} is not the user's any more.`)
    return `${email} counts as proven; PLATFORM_ACCESS_EMAILS and _EMAIL_DOMAINS apply to it.`
  },
  'grant-host-access': async (database, user, now) =>
    (await changeHostAccess(database, user.id, true, now))
      ? `${nameOf(user)} may use repositories of this machine and hosts of its network, as far as LOCAL_GIT_ROOTS and GIT_ALLOW_PRIVATE_HOSTS allow any.`
      : `${nameOf(user)} has host access already.`,
  'revoke-host-access': async (database, user, now) =>
    (await changeHostAccess(database, user.id, false, now))
      ? `${nameOf(user)} has no host access any more. Runs on this machine's repositories are refused, and those under way cannot deliver.`
      : `${nameOf(user)} has no host access.`,
}

function nameOf({ id, email }: User): string {
  return email ?? id
}
