/** An installation as clients see it (projects spec 5.3). */
import type * as wire from '@mogplex/proto/wire/installations.ts'
import type { GithubInstallation } from '../../database/schema.ts'
import type { CoveredRepo } from './store.ts'

type Described = Pick<GithubInstallation, 'accountLogin' | 'accountType' | 'installationId' | 'targetType'>

/** `Org`, `User`, or GitHub's own word for what it is installed on. */
export function scopeLabel({
  targetType,
  accountType,
}: Pick<Described, 'targetType' | 'accountType'>): string {
  const scope = targetType || accountType
  if (!scope) return 'Account'
  if (/org/i.test(scope)) return 'Org'
  return /user/i.test(scope) ? 'User' : scope
}

export function presentInstallation(
  row: GithubInstallation,
  covered: CoveredRepo[],
  webUrl: string,
): wire.Installation {
  const repositories = covered
    .filter(repo => repo.installationId === row.installationId)
    .map(({ id, fullName }) => ({ id, full_name: fullName }))
  return {
    id: row.id,
    installation_id: row.installationId,
    account_login: row.accountLogin,
    account_type: row.accountType,
    target_type: row.targetType,
    repositories,
    repository_count: repositories.length,
    synced_repo_count: repositories.length,
    scope_label: scopeLabel(row),
    manage_url: manageUrl(row, webUrl),
  }
}

/** Null where GitHub has no such page, as far as we know. */
function manageUrl(row: Described, webUrl: string): string | null {
  const scope = scopeLabel(row)
  const page = `settings/installations/${row.installationId}`
  if (scope === 'Org' && row.accountLogin)
    return `${webUrl}/organizations/${encodeURIComponent(row.accountLogin)}/${page}`
  return scope === 'User' ? `${webUrl}/${page}` : null
}
