/** What happens on the remote between two runs of one branch. */
import type { Person } from './person.ts'

export interface Meanwhile {
  name: string
  /** Acts on the branch, which has `delivered.txt` of an earlier run. Gives a commit that must stay in the branch. */
  act: (person: Person, branch: string) => string | null
  /** Files that the branch has afterwards, and files that it must not have. */
  has: string[]
  hasNot: string[]
}

export const MEANWHILE: Meanwhile[] = [
  { name: 'nothing', act: () => null, has: ['delivered.txt'], hasNot: [] },
  {
    name: 'a person pushes to the branch',
    act: (person, branch) => person.push(branch, { 'person.txt': 'by a person\n' }),
    has: ['delivered.txt', 'person.txt'],
    hasNot: [],
  },
  {
    name: 'a person rewrites the branch',
    act: (person, branch) => person.rewrite(branch, { 'person.txt': 'by a person\n' }),
    has: ['person.txt'],
    hasNot: ['delivered.txt'],
  },
  {
    name: 'a person deletes the branch',
    act: (person, branch) => {
      person.deleteBranch(branch)
      return null
    },
    has: ['README.md'],
    hasNot: ['delivered.txt'],
  },
  {
    name: 'a person merges the branch and deletes it',
    act: (person, branch) => {
      person.mergeAndDelete(branch)
      return null
    },
    has: ['README.md', 'delivered.txt'],
    hasNot: [],
  },
]
