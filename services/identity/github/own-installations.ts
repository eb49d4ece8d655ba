/** Which installations of the App a user sees, by the user's own token (identity spec 3). */
import { Type } from '@sinclair/typebox'
import { askGithubAs, UnexpectedStatus } from './ask-github.ts'

/**
 * `untold`: GitHub does not list them to this token. It does so to tokens of the App alone, not to those of
 * an OAuth app. `expired`: it takes the token for nobody's.
 */
export type Sight = 'seen' | 'unseen' | 'untold' | 'expired'

/** They are described at length, and an answer is read up to a size. */
const PAGE_SIZE = 30
const MAX_PAGES = 20

const Page = Type.Object({ installations: Type.Array(Type.Object({ id: Type.Integer() })) })

/** Throws when GitHub says nothing of use. */
export async function lookForInstallation(
  apiUrl: string,
  token: string,
  installationId: number,
): Promise<Sight> {
  try {
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const url = `${apiUrl}/user/installations?per_page=${PAGE_SIZE}&page=${page}`
      const { installations } = await askGithubAs(token, url, Page)
      if (installations.some(({ id }) => id === installationId)) return 'seen'
      if (installations.length < PAGE_SIZE) return 'unseen'
    }
    return 'untold'
  } catch (error) {
    if (!(error instanceof UnexpectedStatus)) throw error
    if (error.status === 401) return 'expired'
    if (error.status === 403) return 'untold'
    throw error
  }
}
