import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { canRunAsOrdinaryUser, runAsOrdinaryUser } from '@mogplex/kit/test-bench/ordinary-user.ts'

const SUITE = join(import.meta.dir, 'local.test.ts')

/** Where the suite itself is unprivileged, local.test.ts has shown it; root shows both ways of building. */
test.skipIf(!canRunAsOrdinaryUser(SUITE))(
  'all of it holds when the runtime is an ordinary user of the host',
  async () => {
    const { exitCode, report } = await runAsOrdinaryUser(SUITE)
    expect(report).toContain(' 0 fail')
    expect(exitCode).toBe(0)
  },
  600_000,
)
