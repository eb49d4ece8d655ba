/** A person who works on the same repository, with a clone of their own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GIT_ROOT, git, type Remote } from '../system/repositories.ts'

export interface Person {
  /** Commits a file on a branch of the remote and pushes it; gives the commit. */
  push: (branch: string, files: Record<string, string>) => string
  /** Puts the branch onto another history: one commit on top of `main` with these files. Gives the commit. */
  rewrite: (branch: string, files: Record<string, string>) => string
  deleteBranch: (branch: string) => void
  /** Merges the branch into `main` and deletes it, as a forge does. */
  mergeAndDelete: (branch: string) => void
  /** Gives a branch of the remote another name. */
  rename: (from: string, to: string) => void
}

let people = 0

export function makePerson({ path }: Pick<Remote, 'path'>): Person {
  people += 1
  const clone = join(GIT_ROOT, `person-${people}`)
  git(GIT_ROOT, 'clone', '-q', path, clone)
  const commit = (files: Record<string, string>) => {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(clone, file)), { recursive: true })
      writeFileSync(join(clone, file), content)
    }
    git(clone, 'add', '-A')
    git(clone, 'commit', '-q', '-m', 'Work of a person')
    return git(clone, 'rev-parse', 'HEAD')
  }
  const fetch = () => git(clone, 'fetch', '-q', '--prune', 'origin')
  const deleteBranch = (branch: string) => git(clone, 'push', '-q', 'origin', '--delete', branch)
  return {
    push(branch, files) {
      fetch()
      git(clone, 'checkout', '-q', '-B', 'work', `origin/${branch}`)
      const made = commit(files)
      git(clone, 'push', '-q', 'origin', `work:${branch}`)
      return made
    },
    rewrite(branch, files) {
      fetch()
      git(clone, 'checkout', '-q', '-B', 'work', 'origin/main')
      const made = commit(files)
      git(clone, 'push', '-q', '--force', 'origin', `work:${branch}`)
      return made
    },
    deleteBranch,
    mergeAndDelete(branch) {
      fetch()
      git(clone, 'checkout', '-q', '-B', 'work', 'origin/main')
      git(clone, 'merge', '-q', '--no-ff', '-m', `Merge ${branch}`, `origin/${branch}`)
      git(clone, 'push', '-q', 'origin', 'work:main')
      deleteBranch(branch)
    },
    rename(from, to) {
      fetch()
      deleteBranch(from)
      git(clone, 'push', '-q', 'origin', `refs/remotes/origin/${from}:refs/heads/${to}`)
    },
  }
}
