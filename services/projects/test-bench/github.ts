/** People with accounts at the stand-in GitHub, and what is installed there. */

import { startTestGithub } from '@mogplex/kit/test-bench/github.ts'
import {
  nextGithubId,
  type WorldInstallation,
  type WorldOrg,
  type WorldRepo,
} from '@mogplex/kit/test-bench/github-world.ts'
import { newUser, startProjects } from './service.ts'

type Settings = Record<string, string>

/** Projects, as an App of a GitHub of its own unless `settings` say otherwise. */
export async function startProjectsWithGithub(settings: Settings = {}) {
  const github = startTestGithub()
  const { world } = github
  const { GITHUB_URL, GITHUB_API_URL } = github.settings
  const projects = await startProjects({ GITHUB_URL, GITHUB_API_URL, ...world.appSettings, ...settings })

  /** Somebody who has connected a GitHub account. */
  const newPerson = (login = `person-${nextGithubId()}`) => {
    const account = { id: nextGithubId(), login, emails: [] }
    const user = newUser()
    const token = github.giveToken(account)
    projects.githubTokens.set(user.userId, { token, login, githubUserId: account.id })
    return { ...user, account, token }
  }
  const install = (account: WorldInstallation['account'], repos: WorldRepo[] = []): WorldInstallation => {
    const installation = { id: nextGithubId(), account, target_type: account.type, repos }
    world.installations.set(installation.id, installation)
    return installation
  }
  const newOrg = (members: WorldOrg['members'] = {}): WorldOrg => {
    const org = { id: nextGithubId(), login: `Org-${nextGithubId()}`, members }
    world.orgs.push(org)
    return org
  }
  const installOnPerson = (account: { id: number; login: string }, repos: WorldRepo[] = []) =>
    install({ id: account.id, login: account.login, type: 'User' }, repos)
  /** Somebody with an installation that is bound and covers `repos`. */
  const newInstalled = async (repos: WorldRepo[]) => {
    const person = newPerson()
    const installation = installOnPerson(person.account, repos)
    await projects.call(person, 'GET', '/api/github/installations')
    return { person, installation }
  }
  return {
    ...{ projects, github, world, newPerson, newInstalled, install, installOnPerson, newOrg },
    installOnOrg: (org: WorldOrg, repos: WorldRepo[] = []) =>
      install({ id: org.id, login: org.login, type: 'Organization' }, repos),
    /** How often GitHub was asked for paths that match. */
    asked: (pattern: RegExp) => world.calls.filter(({ path }) => pattern.test(path)).length,
    stop: async () => {
      await projects.stop()
      await github.stop()
    },
  }
}

export type GithubBench = Awaited<ReturnType<typeof startProjectsWithGithub>>

export function newRepos(count: number): WorldRepo[] {
  return Array.from({ length: count }, () => newRepo())
}

export function newRepo(name = `owner/repo-${nextGithubId()}`, default_branch = 'trunk'): WorldRepo {
  return { id: nextGithubId(), full_name: name, default_branch }
}
