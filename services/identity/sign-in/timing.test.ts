/** How long a refusal takes tells nobody whether there is an account (issue 3, "It must hold", 6). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

/** Of each kind; `SIGN_IN_TRIES=200` for the whole measurement. */
const TRIES = Number(process.env.SIGN_IN_TRIES ?? 15)
/** A try of each kind is a second at most, on a machine that has much else to do. */
setDefaultTimeout(45_000 + TRIES * 1_000)

/**
 * A look into the database takes a hundredth of a password hash, so that a kind which is not hashed would be
 * far below this, and noise is far above it.
 */
const ALIKE = 0.5

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

test('an unknown e-mail, a wrong password, no password and a disabled account take the same time', async () => {
  const [known, disabled, without] = [
    await signUpSomebody(bench),
    await signUpSomebody(bench),
    await signUpSomebody(bench),
  ]
  await bench.sql`update identity.users set disabled_at = now() where id = ${disabled.userId}`
  await bench.sql`update identity.users set password_hash = null where id = ${without.userId}`
  const emails = {
    unknown: 'nobody@example.test',
    known: known.email,
    disabled: disabled.email,
    without: without.email,
  }
  const times: Record<string, number> = {}
  for (let round = 0; round <= TRIES; round += 1) {
    for (const [kind, email] of Object.entries(emails)) {
      const startedAt = performance.now()
      const json = { email, password: 'not the password' }
      const response = await bench.call('POST', '/api/auth/sign-in/email', { json })
      await response.text()
      expect(response.status).toBe(401)
      // The first round warms up.
      if (round > 0) times[kind] = (times[kind] ?? 0) + (performance.now() - startedAt) / TRIES
    }
  }
  const means = Object.values(times)
  if (process.env.SIGN_IN_TRIES) console.log(times)
  expect(Math.min(...means) / Math.max(...means)).toBeGreaterThan(ALIKE)
})
