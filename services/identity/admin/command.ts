/** What the operator may ask for, read from the command line. */

export type UserAction =
  | 'disable'
  | 'enable'
  | 'reset-password'
  | 'verify-email'
  | 'grant-host-access'
  | 'revoke-host-access'

export type Command = { name: 'list' } | { name: UserAction; who: string }

export const USAGE = `Usage:
  npm run admin -- user list
  npm run admin -- user disable <e-mail or id>
  npm run admin -- user enable <e-mail or id>
  npm run admin -- user reset-password <e-mail or id>
  npm run admin -- user verify-email <e-mail or id>
  npm run admin -- user grant-host-access <e-mail or id>
  npm run admin -- user revoke-host-access <e-mail or id>
  npm run admin -- signup-code`

const ACTIONS: readonly UserAction[] = [
  ...(['disable', 'enable', 'reset-password'] as const),
  ...(['verify-email', 'grant-host-access', 'revoke-host-access'] as const),
]

/** Null for everything that is not in {@link USAGE}. */
export function readCommand(args: readonly string[]): Command | null {
  const [noun, verb, who, ...rest] = args
  if (noun !== 'user' || rest.length > 0) return null
  if (verb === 'list') return who === undefined ? { name: 'list' } : null
  const name = ACTIONS.find(action => action === verb)
  return name && who?.trim() ? { name, who: who.trim() } : null
}
