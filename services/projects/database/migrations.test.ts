import { expect, test } from 'bun:test'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { connectDatabase } from '@mogplex/kit/database/connect.ts'
import { migrate } from '@mogplex/kit/database/migrate.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import journal from './migrations/meta/_journal.json'

const all = join(import.meta.dir, 'migrations')

/** The migrations as they were when there were `count` of them. */
async function olderMigrations(count: number): Promise<string> {
  const folder = temporaryDirectory('migrations')
  cpSync(all, folder, { recursive: true })
  const entries = journal.entries.slice(0, count)
  await Bun.write(join(folder, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }))
  return folder
}

test('a database with repos from before GitHub is carried on as it is', async () => {
  const { url } = await (await usePostgres()).createDatabase('projects')
  const log = createLog({ process: 'test', level: 'silent' })
  const { sql, close } = await connectDatabase({ url, applicationName: 'test', log })
  await migrate(sql, { schema: 'projects', folder: await olderMigrations(1) })
  const [userId, workspaceId, repoId] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()]
  await sql`
    insert into projects.workspaces (id, user_id, name, name_key, is_default, sandbox_timeout_ms, sandbox_idle_timeout_ms)
    values (${workspaceId}, ${userId}, 'Mine', 'mine', true, 600000, 300000)`
  const insert = (fields: Record<string, unknown>) =>
    sql`insert into projects.repos ${sql({
      ...{ user_id: userId, full_name: 'a/b', default_branch: 'main', workspace_id: workspaceId },
      ...{ dev_port: 3_000, dev_port_auto: true, env_sync_mode: 'sandbox-only', is_favorite: false },
      ...{ sandbox_env_var_keys: [], ...fields },
    })}`
  await insert({ id: repoId, provider: 'git', remote_url: 'file:///srv/a', remote_key: 'a key' })
  const [before] = await sql`select * from projects.repos`
  await migrate(sql, { schema: 'projects', folder: all })
  const [after] = await sql`select * from projects.repos`
  expect(after).toEqual({ ...before, github_id: null, github_installation_id: null })

  const github = { id: crypto.randomUUID(), provider: 'github' }
  await expect(insert({ ...github, github_id: 5, remote_url: 'file:///srv/a' })).rejects.toThrow(
    'repos_provider',
  )
  await insert({ ...github, github_id: 5 })
  await expect(insert({ ...github, id: crypto.randomUUID(), github_id: 5 })).rejects.toThrow(
    'repos_unique_github',
  )
  await close()
})
