/** What the instance has stored, to prove that a refused request left nothing behind. */
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import postgres from 'postgres'
import type { System } from './launch.ts'

const SCHEMAS = ['identity', 'projects', 'runtime']
/** These change by themselves: facts are read whenever a reader gets round to it, leases renewed. */
const LEFT_OUT = ['inbox', 'schema_migrations', 'gateway_leases']
/** Change because of who calls, or by themselves, whatever a request asks for. */
const RESTLESS = ['last_used_at', 'last_seen_at', 'published_at']
/** A session that is used lives longer. */
const RESTLESS_OF_SESSIONS = [...RESTLESS, 'expires_at']

/** A sandbox is laid to rest a moment after its run was answered as ended. */
const STIRRING = `select 1 from runtime.sandboxes where status not in ('paused', 'stopped', 'error')`

/** By table, how many rows and what is in them: `{ 'projects.repos': '2 rows, 9f86d0…' }`. */
export type Stored = Record<string, string>

export interface Storage {
  read: () => Promise<Stored>
  /** Any statement, as the administrator. */
  query: (statement: string, values?: string[]) => Promise<Record<string, unknown>[]>
  close: () => Promise<void>
}

/** Looks into the database of a running instance with the administrator's login. */
export async function openStorage(system: Pick<System, 'state'>): Promise<Storage> {
  const sql = postgres(system.state().databaseUrl, { max: 1, onnotice: () => undefined })
  const tables = await sql<{ schema: string; name: string }[]>`
    select table_schema as schema, table_name as name from information_schema.tables
    where table_schema in ${sql(SCHEMAS)} and table_name not in ${sql(LEFT_OUT)} order by 1, 2`
  const statement = tables.map(({ schema, name }) => digestOf(schema, name)).join(' union all ')
  return {
    read: async () => {
      await waitUntil(async () => (await sql.unsafe(STIRRING)).length === 0, { limitMs: 20_000 })
      const rows = await sql.unsafe<{ name: string; content: string }[]>(statement)
      return Object.fromEntries(rows.map(({ name, content }) => [name, content]))
    },
    query: async (text, values = []) => [...(await sql.unsafe(text, values))],
    close: () => sql.end(),
  }
}

function digestOf(schema: string, name: string): string {
  const restless = name === 'sessions' ? RESTLESS_OF_SESSIONS : RESTLESS
  const row = `(to_jsonb(t) - array['${restless.join("','")}'])::text`
  return `select '${schema}.${name}' as name,
    count(*) || ' rows, ' || md5(coalesce(string_agg(${row}, ',' order by ${row}), '')) as content
    from "${schema}"."${name}" t`
}
