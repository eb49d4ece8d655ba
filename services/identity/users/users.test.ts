import { afterAll, beforeAll, expect, test } from 'bun:test'
import { getUser } from '@mogplex/proto/identity.ts'
import { routesOf } from '@mogplex/proto/routes.ts'
import { type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'
import { platformAccess } from './platform-access.ts'

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity({
    PLATFORM_ACCESS_DEFAULT: 'sandbox',
    PLATFORM_ACCESS_EMAIL_DOMAINS: 'elsewhere.test',
  })
})
afterAll(() => bench.stop())

test('other services learn who somebody is, what they may use, and whether they are disabled', async () => {
  const { userId, email } = await signUpSomebody(bench)
  const user = { id: userId, email, name: 'Ada', githubUsername: null, disabled: false }
  const access = { ai: false, sandbox: true }
  expect(await bench.ask(getUser, { userId })).toEqual({
    user: {
      ...{ ...user, platformAccess: access, hostAccess: false },
      commitIdentity: { name: 'Ada', email },
    },
  })
  await bench.sql`update identity.users set host_access_granted_at = now() where id = ${userId}`
  expect((await bench.ask(getUser, { userId })).user?.hostAccess).toBe(true)
  await bench.sql`update identity.users set disabled_at = now() where id = ${userId}`
  expect((await bench.ask(getUser, { userId })).user).toMatchObject({ disabled: true, hostAccess: false })
  for (const id of [crypto.randomUUID(), 'nonsense', '']) {
    expect(await bench.ask(getUser, { userId: id })).toEqual({ user: null })
  }
})

test('an allow-list grants both, by a proven address only; otherwise each column stands for itself', () => {
  const settings = {
    PLATFORM_ACCESS_DEFAULT: 'none' as const,
    PLATFORM_ACCESS_USER_IDS: ' , id-1 ,',
    PLATFORM_ACCESS_EMAILS: 'Ada@Example.test',
    PLATFORM_ACCESS_EMAIL_DOMAINS: '@Corp.test, ,other.test',
  }
  const access = (change: object) => {
    const user = {
      id: 'x',
      email: null,
      provenEmail: null,
      allowPlatformAi: false,
      allowPlatformSandbox: false,
      ...change,
    }
    const { ai, sandbox } = platformAccess(user, settings)
    return [ai, sandbox]
  }
  expect(access({})).toEqual([false, false])
  expect(access({ allowPlatformAi: true })).toEqual([true, false])
  expect(access({ allowPlatformSandbox: true })).toEqual([false, true])
  const proven = (email: string) => ({ email, provenEmail: email })
  for (const listed of [{ id: 'id-1' }, proven('ada@example.test'), proven('x@corp.test')])
    expect([listed, access(listed)]).toEqual([listed, [true, true]])
  expect(access(proven('x@other.test'))).toEqual([true, true])
  const unproven = [{ email: 'ada@example.test' }, { email: 'x@corp.test', provenEmail: 'y@corp.test' }]
  for (const user of unproven) expect([user, access(user)]).toEqual([user, [false, false]])
  const unlisted = ['x@sub.corp.test', 'corp.test@evil.test', 'x@corp.test.evil', 'ada@example.testing']
  for (const email of unlisted) expect([email, access(proven(email))]).toEqual([email, [false, false]])
  expect(access({ id: 'ID-1' })).toEqual([false, false])
})

test('no route answers without an assertion of the gateway', async () => {
  for (const { method, path } of routesOf('identity')) {
    const url = bench.baseUrl + path.replace(':id', crypto.randomUUID())
    const response = await fetch(url, { method, redirect: 'manual' })
    expect([method, path, response.status]).toEqual([method, path, 401])
  }
})

test('a signed-in route asked by nobody is 401, whatever the body', async () => {
  for (const { method, path, access } of routesOf('identity')) {
    if (access !== 'session' && access !== 'generic') continue
    const request = method === 'GET' ? {} : { body: '{' }
    const response = await bench.call(method, path.replace(':id', crypto.randomUUID()), request)
    expect([method, path, response.status]).toEqual([method, path, 401])
  }
})
