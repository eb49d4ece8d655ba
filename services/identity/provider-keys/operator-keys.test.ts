import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getProviderKey } from '@mogplex/proto/identity.ts'
import { type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity({ ANTHROPIC_API_KEY: 'operator-key' })
})
afterAll(() => bench.stop())

const keyOf = async (userId: string, provider: 'anthropic' | 'openai' = 'anthropic') =>
  (await bench.ask(getProviderKey, { userId, provider })).key

test("the user's own key comes first, then the operator's, where the user may use it", async () => {
  const { userId } = await signUpSomebody(bench)
  expect(await keyOf(userId)).toBe('operator-key')
  expect(await keyOf(userId, 'openai')).toBeNull()
  await bench.sql`update identity.users set allow_platform_ai = false where id = ${userId}`
  expect(await keyOf(userId)).toBeNull()
  const json = { provider: 'anthropic', key: 'own-key' }
  await bench.call('PUT', '/api/settings/keys', { as: { userId }, json })
  expect(await keyOf(userId)).toBe('own-key')
})

test('a disabled, an unknown and a malformed user have none', async () => {
  const { userId } = await signUpSomebody(bench)
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  for (const id of [userId, crypto.randomUUID(), 'nonsense', '']) expect(await keyOf(id)).toBeNull()
})
