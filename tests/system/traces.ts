/** Looks for secrets wherever an instance could leave them. Answers say which secret and where, never its value. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { System } from './launch.ts'
import { allProcesses } from './processes.ts'
import { openStorage } from './stored.ts'

/** By a name to tell them by. */
export type Secrets = Record<string, string>

/** `"git token in events"` for each secret that is in the text. */
export function secretsIn(text: string | Uint8Array, secrets: Secrets, place: string): string[] {
  const bytes = Buffer.from(text)
  return Object.entries(secrets).flatMap(([name, secret]) =>
    formsOf(secret).some(form => bytes.includes(form)) ? [`${name} in ${place}`] : [],
  )
}

/** As it is, and as it goes over the wire, into a column of bytes or into a file of another kind. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const encoded = (['base64', 'base64url'] as const).flatMap(encoding =>
    [0, 1, 2].map(before => withinBase64(bytes, before, encoding)),
  )
  return [...new Set([secret, encodeURIComponent(secret), bytes.toString('hex'), ...encoded])]
}

/** What stands in the encoded text of something longer, whatever is around: `before` bytes into a group of three. */
function withinBase64(bytes: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString(encoding)
    .replace(/=+$/, '')
  const isCutInGroup = (before + bytes.length) % 3 !== 0
  return text.slice(before === 0 ? 0 : before + 1, isCutInGroup ? -1 : undefined)
}

/** All files below a directory whose path, relative to it, is not left out. */
export function secretsInFiles(
  directory: string,
  secrets: Secrets,
  isLeftOut: (path: string) => boolean = () => false,
): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return names
    .filter(name => !isLeftOut(name))
    .flatMap(name => {
      const bytes = contentOf(join(directory, name))
      return [...secretsIn(name, secrets, `the name ${name}`), ...secretsIn(bytes, secrets, name)]
    })
}

function contentOf(file: string): Uint8Array {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat?.isFile() ? readFileSync(file) : new Uint8Array()
}

/** Every value of every row of every table, as text. */
export async function secretsInDatabase(system: System, secrets: Secrets): Promise<string[]> {
  const storage = await openStorage(system)
  const tables = await storage.query(
    `select table_schema as schema, table_name as name from information_schema.tables
     where table_schema not in ('pg_catalog', 'information_schema')`,
  )
  const found: string[] = []
  for (const { schema, name } of tables) {
    const rows = await storage.query(`select t::text as row from "${schema}"."${name}" t`)
    found.push(...secretsIn(rows.map(row => row.row).join('\n'), secrets, `table ${schema}.${name}`))
  }
  await storage.close()
  return [...new Set(found)]
}

/** Watches the arguments of all processes of the machine until it is stopped; gives what it found. */
export function watchArguments(secrets: () => Secrets): { stop: () => string[]; looks: () => number } {
  const found = new Set<string>()
  let looks = 0
  const look = () => {
    looks += 1
    for (const { command, pid } of allProcesses()) {
      if (pid === process.pid) continue
      for (const trace of secretsIn(command, secrets(), `arguments of ${command.slice(0, 20)}…`))
        found.add(trace)
    }
  }
  const timer = setInterval(look, 15)
  return {
    looks: () => looks,
    stop: () => {
      clearInterval(timer)
      return [...found]
    },
  }
}

/** What the instance itself must keep: the contents of `keys.json`, without their public parts. */
export function instanceSecrets({ home }: Pick<System, 'home'>): Secrets {
  const keys: Record<string, unknown> = JSON.parse(readFileSync(join(home, 'keys.json'), 'utf8'))
  const secrets: Secrets = {}
  const visit = (value: unknown, path: string) => {
    if (typeof value === 'string') secrets[path] = value
    else if (typeof value === 'object' && value !== null)
      for (const [key, member] of Object.entries(value)) {
        if (!['kty', 'crv', 'kid', 'x'].includes(key)) visit(member, path ? `${path}.${key}` : key)
      }
  }
  visit(keys, '')
  return secrets
}
