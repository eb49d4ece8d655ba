/** What makes a row the one repository it is (projects spec 2.1, "Unique per user"). */
import type { Repo } from '../database/schema.ts'

/** The row of a plain git remote, which has an address of its own. */
export type GitRepo = Repo & { remoteUrl: string }

export function isGitRepo(repo: Repo): repo is GitRepo {
  return repo.provider === 'git' && repo.remoteUrl !== null
}

/** Of whom, of which remote or repository of GitHub, and of which directory of it. */
export type RepoIdentity = Pick<Repo, 'userId' | 'remoteKey' | 'githubId' | 'rootDirectory'>
