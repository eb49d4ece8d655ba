/** Who may do what in the database: one schema and one login role a service (design, "Between services"). */
import postgres, { type Sql } from 'postgres'

/** Any constant works, as long as all who set up access take the same lock. */
const SETUP_LOCK = 4_872
const SAFE_NAME = /^[a-z][a-z0-9_-]{0,39}$/
const SAFE_PASSWORD = /^[A-Za-z0-9_-]{16,}$/

/** A connection for set-up work; `url` names a role that may make roles and schemas. */
export function connectAsAdmin(url: string): Sql {
  return postgres(url, { max: 1, connect_timeout: 5, onnotice: () => undefined })
}

/** True when a login at `url` succeeds now. */
export async function acceptsLogins(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => undefined })
  try {
    await sql`select 1`
    return true
  } catch {
    return false
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/**
 * Takes from everybody what Postgres gives to everybody in the database that `admin` is connected to: a
 * login there, and the schema `public`. The database is meant to be this product's alone.
 */
export async function closeToPublic(admin: Sql): Promise<void> {
  await admin.unsafe(`do $$ begin
    execute format('revoke all on database %I from public', current_database());
    revoke all on schema public from public;
  end $$`)
}

/**
 * Makes, or brings up to date, the login role of a service and the schema it owns; resolves with the role's
 * URL. The role is named after the database, because roles belong to the whole server: two databases on one
 * server do not share roles. `password` is base64url.
 */
export async function giveOwnSchema(
  admin: Sql,
  options: { adminUrl: string; schema: string; password: string },
): Promise<string> {
  const { schema, password } = options
  if (!SAFE_NAME.test(schema)) throw new Error(`not a name for a schema: ${schema}`)
  if (!SAFE_PASSWORD.test(password)) throw new Error('the password must be base64url')
  const role = await admin.begin(async tx => {
    await tx`select pg_advisory_xact_lock(${SETUP_LOCK})`
    const [row] = await tx<{ role: string; isKnown: boolean }[]>`
      select role, exists (select from pg_roles where rolname = role) as "isKnown"
      from (select left(current_database(), 40) || '_' || ${schema} as role) as named`
    if (!row) throw new Error('Postgres gave no row')
    const verb = row.isKnown ? 'alter' : 'create'
    const name = tx(row.role)
    await tx`${tx.unsafe(verb)} role ${name} login noinherit nocreatedb nocreaterole password ${tx.unsafe(`'${password}'`)}`
    // Without being a superuser, one may only give a schema to a role one is a member of.
    await tx.unsafe(`do $$ begin
      if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant %I to %I', '${row.role.replaceAll("'", "''")}', current_user);
      end if;
    end $$`)
    await tx`create schema if not exists ${tx(schema)} authorization ${name}`
    const [database] = await tx<{ name: string }[]>`select current_database() as name`
    await tx`grant connect on database ${tx(database?.name ?? '')} to ${name}`
    await tx`alter role ${name} in database ${tx(database?.name ?? '')} set search_path to ${tx(schema)}`
    return row.role
  })
  return withLogin(options.adminUrl, role, password)
}

/** `url` with another user and password. */
export function withLogin(url: string, user: string, password: string): string {
  const changed = new URL(url)
  changed.username = encodeURIComponent(user)
  changed.password = encodeURIComponent(password)
  return changed.href
}

/** `url` with another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}
