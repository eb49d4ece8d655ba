/** The git of this machine: where it is, and whether it can be told which addresses to connect to. */
import { dirname } from 'node:path'

/** Search path for git and what it starts, ssh among them; git itself may lie outside the usual places. */
export const GIT_SEARCH_PATH = `${dirname(Bun.which('git') ?? '/usr/bin/git')}:/usr/local/bin:/usr/bin:/bin`

let answer: Promise<boolean> | null = null

/** False for a git older than 2.37, which ignores `http.curloptResolve` without a word. Asked once. */
export function canPinAddresses(): Promise<boolean> {
  answer ??= askGit()
  return answer
}

async function askGit(): Promise<boolean> {
  const git = Bun.spawn(['git', 'version'], { env: { PATH: GIT_SEARCH_PATH }, stderr: 'ignore' })
  return isPinningVersion(await new Response(git.stdout).text())
}

/** Reads what `git version` says, e.g. `git version 2.39.5`. */
export function isPinningVersion(text: string): boolean {
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(text) ?? []).map(Number)
  return major > 2 || (major === 2 && minor >= 37)
}
