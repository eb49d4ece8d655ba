/** `DATABASE_URL` and `NATS_URL`: the product on servers that somebody else runs (design, "Running it"). */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { useNats } from '@mogplex/kit/test-bench/nats.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { createUser } from '@nats-io/nkeys'
import { OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'
import { startRun, waitForEnd } from './runs.ts'
import { openStorage } from './stored.ts'

setDefaultTimeout(120_000)

const ROOT = join(import.meta.dir, '../..')
let system: System | null = null
afterAll(async () => {
  await system?.stop()
}, 120_000)

test('a given Postgres and NATS are used, with a key and a certificate of theirs, and no others are started', async () => {
  const { createDatabase } = await usePostgres()
  const user = createUser()
  const nkey = user.getPublicKey()
  const [{ adminUrl }, nats] = await Promise.all([
    createDatabase('public'),
    useNats({ jetstream: true, tls: true, users: [{ nkey, publish: ['>'], subscribe: ['>'] }] }),
  ])
  const seedFile = join(temporaryDirectory('seed'), 'seed')
  writeFileSync(seedFile, user.getSeed(), { mode: 0o600 })
  const given = { NATS_URL: nats.url, NATS_CA_FILE: nats.caFile, NATS_NKEY_SEED_FILE: seedFile }
  const admin = async (...args: string[]) => {
    const child = Bun.spawn(
      [process.execPath, join(ROOT, 'deploy/local/main.ts'), 'admin', 'nats', ...args],
      {
        env: { PATH: process.env.PATH, ...given },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    return { output: await new Response(child.stdout).text(), code: await child.exited }
  }
  expect((await admin('streams')).code).toBe(0)
  expect(JSON.parse((await admin('rights')).output).gateway.subscribe).toContain('gateway-lease.drop.*')
  system = await startSystem({
    env: {
      ...OPEN_DOORS,
      ...given,
      DATABASE_URL: adminUrl,
      ENABLE_ECHO_HARNESS: 'true',
      LOCAL_GIT_ROOTS: GIT_ROOT,
    },
  })
  const { processes } = system.state()
  expect(Object.keys(processes).sort()).toEqual(['gateway', 'identity', 'projects', 'runtime'])
  // As if its disk had been lost: the launcher makes the streams anew.
  await nats.stop()
  await nats.start({ wipeStore: true })
  const owner = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, owner)
  const { runId } = await startRun(system, owner, { repoId, prompt: 'say hello' })
  expect((await waitForEnd(system, owner, runId)).status).toBe('success')
  const storage = await openStorage(system)
  const unpublished = async () =>
    (await storage.query('select 1 from runtime.outbox where published_at is null')).length
  expect(await waitUntil(async () => (await unpublished()) === 0, { limitMs: 60_000 })).toBe(true)
  await storage.close()
})
