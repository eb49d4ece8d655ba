/** What a row lacks of what GitHub says (projects spec 6.1). Plain rules over plain data. */
import { isValidGitRef } from '@mogplex/kit/git-ref.ts'
import type { Repo } from '../../database/schema.ts'
import type { GithubRepo } from '../api.ts'

export interface RowChange {
  columns: Partial<Pick<Repo, 'fullName' | 'defaultBranch' | 'githubInstallationId'>>
  /** Wire names of the metadata that differs. */
  fields: ('full_name' | 'default_branch')[]
  /** The installation covers it from now on. */
  isCovered: boolean
}

/** Null when GitHub names none that can be used here. */
export function branchOf({ default_branch: branch }: GithubRepo): string | null {
  return branch && isValidGitRef(branch) ? branch : null
}

/** Null when nothing differs. `installationId` null: coverage is not this sync's business. */
export function changeOf(
  row: Pick<Repo, 'fullName' | 'defaultBranch' | 'githubInstallationId'>,
  listed: GithubRepo,
  installationId: number | null,
): RowChange | null {
  const change: RowChange = { columns: {}, fields: [], isCovered: false }
  if (row.fullName !== listed.full_name) {
    change.columns.fullName = listed.full_name
    change.fields.push('full_name')
  }
  const branch = branchOf(listed)
  if (branch !== null && branch !== row.defaultBranch) {
    change.columns.defaultBranch = branch
    change.fields.push('default_branch')
  }
  if (installationId !== null && row.githubInstallationId !== installationId) {
    change.columns.githubInstallationId = installationId
    change.isCovered = true
  }
  return change.fields.length > 0 || change.isCovered ? change : null
}

/** Whether the user's automation may move to the installation that was synced: only if it is the only one. */
export function rebindTo(synced: number, active: number[]) {
  const reason =
    active.length === 0
      ? ('no_current_installations' as const)
      : active.length > 1
        ? ('multiple_current_installations' as const)
        : active[0] === synced
          ? ('none' as const)
          : ('current_installation_mismatch' as const)
  return { allowed: reason === 'none', reason }
}
