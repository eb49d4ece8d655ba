/** What GitHub does for a repo: whether its events arrive here (projects spec 5.1). */
import type { Repo } from '../database/schema.ts'

interface Coverage {
  github_app_covered: boolean
  github_triggerable: boolean
  github_access_state: string
  github_coverage_label: string
  github_coverage_detail: string
}

const uncovered = { github_app_covered: false, github_triggerable: false }
const LOCAL_GIT: Coverage = {
  ...uncovered,
  github_access_state: 'local_only',
  github_coverage_label: 'Local git',
  github_coverage_detail: 'A plain git remote: runs and sandboxes work, GitHub events do not reach it.',
}
const COVERED: Coverage = {
  github_app_covered: true,
  github_triggerable: true,
  github_access_state: 'app_covered',
  github_coverage_label: 'Trigger-ready',
  github_coverage_detail: 'An installation of the GitHub App covers it: its events arrive here.',
}
const NOT_COVERED: Coverage = {
  ...uncovered,
  github_access_state: 'synced_only',
  github_coverage_label: 'Not covered',
  github_coverage_detail:
    'No installation of the GitHub App covers it: add it to one for its events to arrive.',
}
const SYNCED_ONLY: Coverage = {
  ...uncovered,
  github_access_state: 'synced_only',
  github_coverage_label: 'Synced only',
  github_coverage_detail: 'Runs and sandboxes work; without the GitHub App its events do not arrive.',
}

type Covered = Pick<Repo, 'provider' | 'githubInstallationId'>

/** `hasInstallation`: the user has an active installation of the App. */
export function coverageOf(
  { provider, githubInstallationId }: Covered,
  hasInstallation: boolean,
): Coverage & { github_has_app_installation: boolean } {
  const state =
    provider === 'git'
      ? LOCAL_GIT
      : githubInstallationId !== null
        ? COVERED
        : hasInstallation
          ? NOT_COVERED
          : SYNCED_ONLY
  return { ...state, github_has_app_installation: hasInstallation }
}

/**
 * With the App in use, repos of GitHub it does not cover are left out (projects spec 5.2); unless it covers none
 * at all, which would leave a list without them empty.
 */
export function withoutUncovered<Row extends { repo: Covered; hasInstallation: boolean }>(
  rows: Row[],
  isAppConfigured: boolean,
): Row[] {
  const isInUse =
    isAppConfigured &&
    rows.some(({ hasInstallation }) => hasInstallation) &&
    rows.some(({ repo }) => repo.githubInstallationId !== null)
  return isInUse
    ? rows.filter(({ repo }) => repo.provider === 'git' || repo.githubInstallationId !== null)
    : rows
}
