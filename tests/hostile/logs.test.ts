/** What a database that fails, in whatever way, makes the product write into its logs: never what people sent. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { type Account, OPEN_DOORS, send, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { makeRepository } from '../system/repositories.ts'
import { script, startRun, waitForEnd, waitForRun } from '../system/runs.ts'
import { STAGE_SETTINGS } from '../system/stages.ts'
import { openStorage, type Storage } from '../system/stored.ts'
import { type Secrets, secretsIn, secretsInFiles } from '../system/traces.ts'

setDefaultTimeout(180_000)

const newMark = () => `q${randomBytes(12).toString('hex')}`
const marks: Secrets = Object.fromEntries(
  [
    ...['e-mail', 'password', 'name', 'token', 'cookie', 'provider key', 'token name', 'next', 'id'],
    ...['workspace', 'git token', 'variable', 'prompt', 'idempotency key', 'said', 'command'],
  ].map(name => [name, newMark()]),
)
const mark = (name: keyof typeof marks) => marks[name] ?? ''

let system: System
let storage: Storage
let ada: Account
let repoId: string
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS, LOG_LEVEL: 'debug' } })
  storage = await openStorage(system)
  ada = await signUpWithToken(system)
  repoId = (await makeRepository(system, ada)).repoId
})
afterAll(async () => {
  await storage.close()
  await system.stop()
})

/** One of everything that writes what somebody sent; gives the statuses. */
async function sendEverything(): Promise<number[]> {
  const { cookie, token } = ada
  const email = `${mark('e-mail')}@example.test`
  const credentials = { email, password: mark('password') }
  const credential = { username: 'bot', token: mark('git token') }
  const remote = {
    provider: 'git',
    remote_url: `https://bot:${mark('git token')}@git.invalid/${newMark()}.git`,
  }
  const run = { repoId, harness: 'echo', createBranch: true, prompt: `say ${mark('prompt')}` }
  const asked = [
    send(system, 'POST', '/api/auth/sign-up/email', { json: { ...credentials, name: mark('name') } }),
    send(system, 'POST', '/api/auth/sign-in/email', { json: credentials }),
    send(system, 'POST', '/api/auth/sign-in/email', {
      json: { email: ada.email, password: mark('password') },
    }),
    send(system, 'PUT', '/api/settings/keys', {
      as: { cookie },
      json: { provider: 'openai', key: mark('provider key') },
    }),
    send(system, 'POST', '/api/settings/api-keys', { as: { cookie }, json: { name: mark('token name') } }),
    send(system, 'POST', '/api/workspaces', { as: { token }, json: { name: mark('workspace') } }),
    send(system, 'PATCH', '/api/repos', {
      as: { token },
      json: { id: repoId, credential, sandbox_env_vars: { SOME_NAME: mark('variable') } },
    }),
    send(system, 'POST', '/api/repos', { as: { token }, json: remote }),
    send(system, 'POST', '/api/v1/mogplex/runs', {
      as: { token },
      json: run,
      headers: { 'idempotency-key': mark('idempotency key') },
    }),
    send(system, 'GET', `/api/repos/${mark('id')}`, { as: { token } }),
    send(system, 'GET', '/api/settings', { as: { token: `mog_${mark('token').padEnd(32, '0')}` } }),
    send(system, 'GET', `/login?next=/${mark('next')}`, {
      as: { cookie: `mogplex_session=${mark('cookie')}` },
    }),
  ]
  return (await Promise.all(asked)).map(answer => answer.status)
}

/** Where the marks are that were logged. */
const found = () => [
  ...secretsInFiles(join(system.home, 'logs'), marks),
  ...secretsIn(system.output(), marks, 'what the launcher printed'),
]

const LEFT_ALONE = ['schema_migrations', 'gateway_leases']

/** Runs a statement for each table that people's words go into: `$table`, of `$role`. */
async function forEachTable(statement: string): Promise<void> {
  const tables = await storage.query(
    `select format('%I.%I', schemaname, tablename) as name, tablename as table, quote_ident(tableowner) as owner
     from pg_tables where schemaname in ('identity', 'projects', 'runtime')`,
  )
  for (const { name, table, owner } of tables) {
    if (LEFT_ALONE.includes(String(table))) continue
    await storage.query(statement.replaceAll('$table', String(name)).replaceAll('$role', String(owner)))
  }
}

/** What each row that is written runs into. */
async function withTrigger(body: string): Promise<void> {
  await storage.query(
    `create or replace function public.trouble() returns trigger language plpgsql as $$ begin ${body}; return new; end $$`,
  )
  await forEachTable(
    'create trigger trouble before insert or update on $table for each row execute function public.trouble()',
  )
}
const withoutTrigger = () => forEachTable('drop trigger if exists trouble on $table')

interface Trouble {
  begin: () => Promise<void>
  end: () => Promise<void>
}

const TROUBLES: Record<string, Trouble> = {
  'a function that raises the row': {
    begin: () => withTrigger(`raise exception 'not this: %', new using detail = new::text, hint = new::text`),
    end: withoutTrigger,
  },
  'a row that is no number': { begin: () => withTrigger('perform new::text::int'), end: withoutTrigger },
  'a row that is no JSON': { begin: () => withTrigger('perform new::text::json'), end: withoutTrigger },
  'a row that is too long': { begin: () => withTrigger(`perform (new::text)::date`), end: withoutTrigger },
  'a constraint that no row keeps': {
    begin: () => forEachTable('alter table $table add constraint trouble check (false) not valid'),
    end: () => forEachTable('alter table $table drop constraint trouble'),
  },
  'a statement that takes too long': {
    begin: () =>
      withTrigger(
        `perform set_config('statement_timeout', '50', true); perform pg_sleep(0.2); raise query_canceled`,
      ),
    end: withoutTrigger,
  },
  'a full disk': {
    begin: () => withTrigger(`raise exception using errcode = '53100', message = 'could not extend file'`),
    end: withoutTrigger,
  },
  'rights that were taken': {
    begin: () => forEachTable('revoke insert, update on $table from $role'),
    end: () => forEachTable('grant insert, update on $table to $role'),
  },
}

test.each(Object.keys(TROUBLES))('the database fails by %s', async name => {
  const trouble = TROUBLES[name]
  await trouble?.begin()
  const statuses = await sendEverything()
  await trouble?.end()
  expect(statuses.filter(status => status >= 500).length).toBeGreaterThanOrEqual(4)
  expect(found()).toEqual([])
})

test('the database ends connections in the middle of statements', async () => {
  await withTrigger('perform pg_sleep(0.5)')
  const asked = sendEverything()
  const deadline = performance.now() + 2_000
  while (performance.now() < deadline) {
    await storage.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where usename <> current_user and state = 'active'`)
    await Bun.sleep(100)
  }
  await withoutTrigger()
  await asked
  expect(found()).toEqual([])
})

test('the database refuses what an agent says, for as long as it says it', async () => {
  const { token } = ada
  const said = Array.from({ length: 5 }, () => `say ${mark('said')}\nrun echo ${mark('command')}; sleep 0.3`)
  const { runId } = await startRun(system, { token }, { repoId, prompt: script(...said) })
  await waitForRun(system, ada, runId, ({ status }) => status !== 'pending')
  await withTrigger(`raise exception 'not this: %', new using detail = new::text`)
  await Bun.sleep(2_000)
  await withoutTrigger()
  expect(found()).toEqual([])
})

test('a service that dies of a database that is gone says no more than that', async () => {
  await system.kill('postgres')
  await sendEverything()
  await system.ready()
  expect(found()).toEqual([])
})

test('the search finds what is there', async () => {
  // Runs are logged by their ids.
  const { runId } = await startRun(system, ada, { repoId, prompt: 'say hello' })
  await waitForEnd(system, ada, runId)
  const id = { 'run id': runId }
  const areLogged = () => secretsInFiles(join(system.home, 'logs'), id).length > 0
  expect(await waitUntil(areLogged, { limitMs: 10_000 })).toBe(true)
})
