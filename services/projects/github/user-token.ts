/** The user's own standing at GitHub, as identity keeps it. */
import { getGithubToken } from '@mogplex/proto/identity.ts'
import type { ProjectsBase } from '../environment.ts'
import type { Credential } from './client/client.ts'

export interface GithubUser {
  login: string
  githubUserId: number
  credential: Credential
}

/** Null for a user without a token; 503 while identity does not answer. */
export async function findGithubUser(
  { ask }: Pick<ProjectsBase, 'ask'>,
  userId: string,
): Promise<GithubUser | null> {
  const { github } = await ask(getGithubToken, { userId }, { userId })
  if (!github) return null
  const { token, login, githubUserId } = github
  return { login, githubUserId, credential: { token, name: `user:${userId}` } }
}
