/** The git repository the demo works on, as a newcomer may have one. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../system/repositories.ts'
import type { Printer } from './printer.ts'

export interface Project {
  /** Absolute. */
  path: string
  /** Prints the command, runs it there and prints what it says. Throws git's words when it fails. */
  show: (...args: string[]) => void
}

/** Below `directory`, with one commit on `main`. */
export function makeProject(directory: string, printer: Printer): Project {
  const path = join(directory, 'my-project')
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'README.md'), '# My project\n')
  git(path, 'init', '-q', '-b', 'main')
  git(path, 'add', '.')
  git(path, 'commit', '-q', '-m', 'Begin')
  return {
    path,
    show: (...args) => {
      printer.typed(`git -C my-project ${args.join(' ')}`)
      printer.answer(git(path, ...args))
    },
  }
}
