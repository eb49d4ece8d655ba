/** Branches that keep one another from existing: `dev` and `dev/1` cannot both be on a remote. */

/** The remote has a branch that keeps the working branch from being created. */
export class BranchInTheWay extends Error {
  override name = 'BranchInTheWay'
  constructor(readonly other: string) {
    super('Another branch is in the way')
  }
}

/** What asks a remote for the branches that would keep `branch` from existing, as arguments of `git ls-remote`. */
export function refsInTheWay(branch: string): string[] {
  return [...prefixesOf(branch).map(prefix => `refs/heads/${prefix}`), `refs/heads/${branch}/*`]
}

/** Whether one of the two names keeps the other from existing. */
export function isInTheWay(branch: string, other: string): boolean {
  return other.startsWith(`${branch}/`) || branch.startsWith(`${other}/`)
}

const GENERATED_RUN = /^mogplex\/run\/(\d{4}-\d\d-\d\d)\/([a-z0-9-]+-[0-9a-f]{6})$/
const GENERATED_AGENT = /^mogplex\/agent-([0-9a-f]{12})$/

/** The name that a generated branch takes where the remote has a branch `mogplex` (spec README, 59); null for others. */
export function flatName(branch: string): string | null {
  const [, date, rest] = GENERATED_RUN.exec(branch) ?? []
  if (date) return `mogplex-run-${date}-${rest}`
  const [, digits] = GENERATED_AGENT.exec(branch) ?? []
  return digits ? `mogplex-agent-${digits}` : null
}

function prefixesOf(branch: string): string[] {
  const parts = branch.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}
