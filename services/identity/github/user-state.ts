/** What the user's GitHub side amounts to, and what to do next (identity spec 4). Plain rules over plain data. */
import type { GithubStanding } from '@mogplex/proto/wire/auth-user.ts'

/** What projects says of the user; counts below nothing are read as nothing. */
export interface GithubCounts {
  installations: number
  syncedRepos: number
  coveredRepos: number
}

export interface GithubFacts extends GithubCounts {
  /** A token is stored. */
  hasToken: boolean
  /** A GitHub App is configured on this instance. */
  isAppAvailable: boolean
  /** An App install was begun and its time is not over. */
  isInstallBegun: boolean
}

type GithubState = GithubStanding['github_state']

type Action = NonNullable<GithubStanding['github_primary_action']>

const CONNECT_PATH = '/api/auth/github'
const ACTIONS = {
  openSpaces: { kind: 'open_spaces', label: 'Open repositories', href: '/projects/repositories' },
  completeInstall: { kind: 'complete_install', label: 'Complete the install', href: CONNECT_PATH },
  install: { kind: 'install', label: 'Install the app', href: CONNECT_PATH },
  connect: { kind: 'connect', label: 'Connect GitHub', href: CONNECT_PATH },
} satisfies Record<string, Action>

const STATES: Record<GithubState, { label: string; detail: string }> = {
  app_installed_with_synced_repos: {
    label: 'Ready',
    detail: 'The app covers repositories of yours: their events arrive here.',
  },
  app_installed: { label: 'App installed', detail: 'The app is installed, but covers no repository yet.' },
  app_install_pending: {
    label: 'Install pending',
    detail: 'The install of the app was begun and not ended.',
  },
  oauth_connected: {
    label: 'OAuth only',
    detail: 'The account is connected; events of its repositories do not arrive without the app.',
  },
  disconnected: { label: 'Not connected', detail: 'No GitHub account is connected.' },
}

/** The part of `GET /api/auth/user` that is about GitHub, as it is sent. */
export function githubStateOf(facts: GithubFacts): GithubStanding {
  const [installations, synced, covered] = [facts.installations, facts.syncedRepos, facts.coveredRepos].map(
    count => Math.max(0, count),
  ) as [number, number, number]
  const isAppConnected = installations > 0 || covered > 0
  const isPending = facts.isAppAvailable && facts.isInstallBegun && installations === 0
  const state = stateFor({ ...facts, isAppConnected, isPending, covered })
  return {
    github_state: state,
    github_connected: facts.hasToken || isAppConnected,
    github_app_connected: isAppConnected,
    github_connection_mode: isAppConnected ? 'app' : facts.hasToken ? 'oauth' : null,
    github_app_available: facts.isAppAvailable,
    github_install_pending: isPending && !isAppConnected,
    github_installation_count: installations,
    github_synced_repo_count: synced,
    github_covered_repo_count: covered,
    github_status_label: STATES[state].label,
    github_status_detail: STATES[state].detail,
    github_primary_action: actionFor(state, facts.isAppAvailable),
  }
}

function stateFor(facts: {
  isAppConnected: boolean
  isPending: boolean
  covered: number
  hasToken: boolean
}): GithubState {
  if (facts.isAppConnected) return facts.covered > 0 ? 'app_installed_with_synced_repos' : 'app_installed'
  if (facts.isPending) return 'app_install_pending'
  return facts.hasToken ? 'oauth_connected' : 'disconnected'
}

function actionFor(state: GithubState, isAppAvailable: boolean): Action | null {
  switch (state) {
    case 'app_installed_with_synced_repos':
      return null
    case 'app_installed':
      return ACTIONS.openSpaces
    case 'app_install_pending':
      return ACTIONS.completeInstall
    case 'oauth_connected':
      return isAppAvailable ? ACTIONS.install : null
    case 'disconnected':
      return isAppAvailable ? ACTIONS.install : ACTIONS.connect
  }
}
