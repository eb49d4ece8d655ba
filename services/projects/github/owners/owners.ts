/** Under whose name repositories can be made (projects spec 5.4). */
import type * as wire from '@mogplex/proto/wire/installations.ts'
import type { GithubInstallation } from '../../database/schema.ts'
import { scopeLabel } from '../installations/present.ts'

/** The personal account first, then by login; logins are one whatever their case. */
export function ownersOf(
  login: string,
  orgs: string[],
  installations: GithubInstallation[],
): wire.GithubOwner[] {
  const owners = new Map<string, wire.GithubOwner>()
  const put = (owner: wire.GithubOwner) => owners.set(owner.login.toLowerCase(), owner)
  put({ login, kind: 'personal', github_installation_id: null, scope_label: 'Personal', source: 'oauth' })
  for (const org of orgs) {
    if (owners.has(org.toLowerCase())) continue
    put({ login: org, kind: 'org', github_installation_id: null, scope_label: 'Org', source: 'oauth' })
  }
  for (const installation of installations) {
    const { accountLogin, installationId } = installation
    if (!accountLogin) continue
    const known = owners.get(accountLogin.toLowerCase())
    const label = scopeLabel(installation)
    const isPersonal = accountLogin.toLowerCase() === login.toLowerCase() && label !== 'Org'
    put({
      login: known?.login ?? accountLogin,
      kind: isPersonal ? 'personal' : 'org',
      github_installation_id: installationId,
      scope_label: isPersonal ? 'Personal' : label,
      source: known ? 'oauth+installation' : 'installation',
    })
  }
  return [...owners.values()].sort(
    (a, b) =>
      Number(b.kind === 'personal') - Number(a.kind === 'personal') ||
      compareTexts(a.login.toLowerCase(), b.login.toLowerCase()),
  )
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
