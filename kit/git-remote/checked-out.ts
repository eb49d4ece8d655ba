/** Finds the work tree that has a branch open: git does not let it be written from elsewhere. */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { quoteWords } from './git-words.ts'
import { ifThere, type LocalRepository, readSmall } from './local-repository.ts'

/** Null when no work tree has it open. Lower case, names the work tree and says what to do. */
export async function refuseCheckedOut(
  { commonDirectory }: LocalRepository,
  branch: string,
  isBare: boolean,
): Promise<string | null> {
  const linked = (await ifThere(readdir(join(commonDirectory, 'worktrees')))) ?? []
  const own = basename(commonDirectory) === '.git' ? dirname(commonDirectory) : commonDirectory
  const candidates = [
    ...(isBare ? [] : [{ gitDirectory: commonDirectory, at: async () => own }]),
    ...linked.map(name => {
      const gitDirectory = join(commonDirectory, 'worktrees', name)
      return { gitDirectory, at: () => linkedPath(gitDirectory) }
    }),
  ]
  for (const { gitDirectory, at } of candidates) {
    const head = (await readSmall(join(gitDirectory, 'HEAD')))?.trim()
    if (head?.replace(/^ref:\s*/, '') === `refs/heads/${branch}`) return refusal(branch, await at())
  }
  return null
}

/** `gitdir` of a linked work tree names the `.git` file in it. */
async function linkedPath(gitDirectory: string): Promise<string> {
  const named = (await readSmall(join(gitDirectory, 'gitdir')))?.trim()
  return named ? dirname(named) : gitDirectory
}

function refusal(branch: string, path: string): string {
  const where = quoteWords([path]) ?? 'a work tree'
  return `the branch "${branch}" is checked out in ${where}; switch that work tree to another branch (git switch), remove it if it is gone (git worktree prune), or let the run work on another branch`
}
