/** Who may use what the operator pays for or hosts (identity spec 4). */
import { commaList } from '@mogplex/kit/config.ts'
import type { User } from '../database/schema.ts'
import type { IdentityConfig } from '../environment.ts'

export interface PlatformAccess {
  /** May use the operator's provider keys. */
  ai: boolean
  /** May start sandboxes here. */
  sandbox: boolean
}

type AccessSettings = Pick<
  IdentityConfig,
  | 'PLATFORM_ACCESS_DEFAULT'
  | 'PLATFORM_ACCESS_USER_IDS'
  | 'PLATFORM_ACCESS_EMAILS'
  | 'PLATFORM_ACCESS_EMAIL_DOMAINS'
>

/** What the columns of a new user say. */
export function defaultAccess({
  PLATFORM_ACCESS_DEFAULT: value,
}: Pick<AccessSettings, 'PLATFORM_ACCESS_DEFAULT'>): PlatformAccess {
  return { ai: value === 'all' || value === 'ai', sandbox: value === 'all' || value === 'sandbox' }
}

/** Being on an allow-list grants both; otherwise each of the user's own columns stands for itself. */
export function platformAccess(
  user: Pick<User, 'id' | 'email' | 'provenEmail' | 'allowPlatformAi' | 'allowPlatformSandbox'>,
  settings: AccessSettings,
): PlatformAccess {
  const isListed = isAllowListed(user, settings)
  return { ai: isListed || user.allowPlatformAi, sandbox: isListed || user.allowPlatformSandbox }
}

/** Anybody can type any address: only a proven one says who somebody is. */
function isAllowListed(
  { id, email, provenEmail }: Pick<User, 'id' | 'email' | 'provenEmail'>,
  settings: AccessSettings,
): boolean {
  if (commaList(settings.PLATFORM_ACCESS_USER_IDS).includes(id)) return true
  if (email === null || email !== provenEmail) return false
  const address = email.toLowerCase()
  const domain = address.slice(address.lastIndexOf('@') + 1)
  return (
    lowerCaseList(settings.PLATFORM_ACCESS_EMAILS).includes(address) ||
    lowerCaseList(settings.PLATFORM_ACCESS_EMAIL_DOMAINS)
      .map(entry => entry.replace(/^@/, ''))
      .includes(domain)
  )
}

function lowerCaseList(text: string): string[] {
  return commaList(text.toLowerCase())
}
