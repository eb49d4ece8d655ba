/** `DATABASE_URL` and `NATS_URL`: the product on servers that somebody else runs (design, "Running it"). */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { useNats } from '@mogplex/kit/test-bench/nats.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { OPEN_DOORS, signUpWithToken } from './accounts.ts'
import { type System, startSystem } from './launch.ts'
import { GIT_ROOT, makeRepository } from './repositories.ts'
import { startRun, waitForEnd } from './runs.ts'

setDefaultTimeout(120_000)

let system: System | null = null
afterAll(async () => {
  await system?.stop()
}, 120_000)

test('a given Postgres and NATS are used, and no others are started', async () => {
  const { createDatabase } = await usePostgres()
  const [{ adminUrl }, nats] = await Promise.all([createDatabase('public'), useNats({ jetstream: true })])
  system = await startSystem({
    env: {
      ...OPEN_DOORS,
      DATABASE_URL: adminUrl,
      NATS_URL: nats.url,
      ENABLE_ECHO_HARNESS: 'true',
      LOCAL_GIT_ROOTS: GIT_ROOT,
    },
  })
  const { processes } = system.state()
  expect(Object.keys(processes).sort()).toEqual(['gateway', 'identity', 'projects', 'runtime'])
  const owner = await signUpWithToken(system)
  const { repoId } = await makeRepository(system, owner)
  const { runId } = await startRun(system, owner, { repoId, prompt: 'say hello' })
  expect((await waitForEnd(system, owner, runId)).status).toBe('success')
})
