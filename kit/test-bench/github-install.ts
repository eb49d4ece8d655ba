/** The page of the stand-in GitHub where its App is installed. */
import type { GithubAccount, TestGithub } from './github.ts'
import type { GithubWorld, WorldInstallation } from './github-world.ts'

export interface Installing {
  /** What comes to be; null where an owner of the organisation is asked first. */
  installation: WorldInstallation | null
  /** As the App's settings at GitHub say. */
  setupUrl: string
  /** Who is asked for a token on the way, where the App's settings say so. */
  account?: GithubAccount
}

export function createInstallPage(github: {
  url: string
  world: GithubWorld
  codeFor: (account: GithubAccount) => string
}): TestGithub['install'] {
  const { url, world, codeFor } = github
  const path = `/apps/${world.appSettings.GITHUB_APP_NAME}/installations/new`
  return (installUrl, { installation, setupUrl, account }) => {
    const page = new URL(installUrl)
    if (page.origin !== url || page.pathname !== path) throw new Error(`no page of GitHub: ${installUrl}`)
    const back = new URL(setupUrl)
    if (installation) {
      world.installations.set(installation.id, installation)
      back.searchParams.set('installation_id', String(installation.id))
    }
    back.searchParams.set('setup_action', installation ? 'install' : 'request')
    const state = page.searchParams.get('state')
    if (state) back.searchParams.set('state', state)
    if (account) back.searchParams.set('code', codeFor(account))
    return back
  }
}
