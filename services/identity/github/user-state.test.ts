/** Identity spec 4: the first rule that holds. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { type GithubFacts, githubStateOf } from './user-state.ts'

const nothing: GithubFacts = {
  ...{ hasToken: false, isAppAvailable: false, isInstallBegun: false },
  ...{ installations: 0, syncedRepos: 0, coveredRepos: 0 },
}
const app = { isAppAvailable: true }
const begun = { ...app, isInstallBegun: true }

test.each<[Partial<GithubFacts>, string, string, string | null, string | null]>([
  [{}, 'disconnected', 'Not connected', 'connect', null],
  [app, 'disconnected', 'Not connected', 'install', null],
  [{ isInstallBegun: true }, 'disconnected', 'Not connected', 'connect', null],
  [{ syncedRepos: 3 }, 'disconnected', 'Not connected', 'connect', null],
  [{ hasToken: true }, 'oauth_connected', 'OAuth only', null, 'oauth'],
  [{ ...app, hasToken: true }, 'oauth_connected', 'OAuth only', 'install', 'oauth'],
  [begun, 'app_install_pending', 'Install pending', 'complete_install', null],
  [{ ...begun, hasToken: true }, 'app_install_pending', 'Install pending', 'complete_install', 'oauth'],
  [{ ...begun, installations: 1 }, 'app_installed', 'App installed', 'open_spaces', 'app'],
  [{ installations: 2, hasToken: true }, 'app_installed', 'App installed', 'open_spaces', 'app'],
  [{ installations: 1, coveredRepos: 4 }, 'app_installed_with_synced_repos', 'Ready', null, 'app'],
  [{ ...begun, coveredRepos: 4 }, 'app_installed_with_synced_repos', 'Ready', null, 'app'],
  [{ installations: -1, coveredRepos: -2 }, 'disconnected', 'Not connected', 'connect', null],
])('%j is %s', (facts, state, label, action, mode) => {
  const shown = githubStateOf({ ...nothing, ...facts })
  expect(shown).toMatchObject({
    github_state: state,
    github_status_label: label,
    github_connection_mode: mode,
  })
  expect(shown.github_primary_action?.kind ?? null).toBe(action)
})

test('the parts never contradict each other', () => {
  const count = fc.integer({ min: -1, max: 2 })
  const facts = fc.record({
    ...{ hasToken: fc.boolean(), isAppAvailable: fc.boolean(), isInstallBegun: fc.boolean() },
    ...{ installations: count, syncedRepos: count, coveredRepos: count },
  })
  fc.assert(
    fc.property(facts, each => {
      const shown = githubStateOf(each)
      expect(shown.github_connected).toBe(shown.github_connection_mode !== null)
      expect(shown.github_app_connected).toBe(shown.github_connection_mode === 'app')
      expect(shown.github_install_pending).toBe(shown.github_state === 'app_install_pending')
      expect(shown.github_state === 'disconnected' && shown.github_connected).toBe(false)
      for (const name of ['installation', 'synced_repo', 'covered_repo'] as const)
        expect(shown[`github_${name}_count`]).toBeGreaterThanOrEqual(0)
    }),
  )
})
