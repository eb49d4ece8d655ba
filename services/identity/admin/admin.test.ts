import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { sha256Hex } from '@mogplex/kit/ids.ts'
import { resolvePat, resolveSession } from '@mogplex/proto/identity.ts'
import {
  answerOf,
  type IdentityBench,
  PASSWORD,
  signUpSomebody,
  startIdentity,
  tokenIn,
} from '../test-bench.ts'

setDefaultTimeout(120_000)

let bench: IdentityBench
beforeAll(async () => {
  bench = await startIdentity()
})
afterAll(() => bench.stop())

/** The program as `npm run admin` runs it. */
async function admin(...args: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'main.ts'), ...args], {
    env: { PATH: process.env.PATH, DATABASE_URL: bench.databaseUrl },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}

async function somebody() {
  const person = await signUpSomebody(bench)
  const as = { userId: person.userId }
  const { body } = await answerOf(
    await bench.call('POST', '/api/settings/api-keys', { as, json: { name: 'x' } }),
  )
  return { ...person, pat: String(body.token) }
}
const signIn = (email: string, password = PASSWORD) =>
  bench.call('POST', '/api/auth/sign-in/email', { json: { email, password } })
const sessionStatus = async (token: string) =>
  (await bench.ask(resolveSession, { tokenHash: sha256Hex(token) })).status
const patStatus = async (token: string) =>
  (await bench.ask(resolvePat, { tokenHash: sha256Hex(token) })).status
const trailOf = async (userId: string) => {
  const rows =
    await bench.sql`select type from identity.audit_entries where user_id = ${userId} order by at, id`
  return rows.map(({ type }) => type)
}
const disabledFacts = async (userId: string) =>
  (
    await bench.sql`select * from identity.outbox where user_id = ${userId}
    and subject = 'evt.identity.user.disabled'`
  ).length

test('a disabled user has no session and no token that works, once told; enabled, tokens work again', async () => {
  const { userId, email, token, pat } = await somebody()
  const disabled = await admin('user', 'disable', email.toUpperCase())
  expect(disabled).toMatchObject({ code: 0, err: '', out: expect.stringContaining(`${email} is disabled.`) })
  expect([await sessionStatus(token), await patStatus(pat)]).toEqual(['invalid', 'invalid'])
  expect((await signIn(email)).status).toBe(401)
  expect((await admin('user', 'disable', userId)).out).toContain('already')
  expect(await disabledFacts(userId)).toBe(1)
  expect((await admin('user', 'enable', userId)).out).toContain(`${email} is enabled.`)
  expect((await admin('user', 'enable', userId)).out).toContain('is not disabled')
  expect([await sessionStatus(token), await patStatus(pat)]).toEqual(['invalid', 'valid'])
  expect((await signIn(email)).status).toBe(200)
  const types = await trailOf(userId)
  expect(types.filter(type => type === 'user.disabled' || type === 'user.enabled')).toEqual([
    ...['user.disabled', 'user.enabled'],
  ])
})

test('a sign-in under way while its user is disabled leaves no session', async () => {
  const { userId, email } = await somebody()
  await bench.raceOn('sessions', 2, () =>
    Promise.all([signIn(email), admin('user', 'disable', userId), signIn(email)]),
  )
  const [row] = await bench.sql`select count(*)::int as live from identity.sessions
    where user_id = ${userId} and revoked_at is null`
  expect(row?.live).toBe(0)
})

test('a reset password is shown once and works; the old one and every session are gone, tokens stay', async () => {
  const { userId, email, token, pat } = await somebody()
  const { code, out } = await admin('user', 'reset-password', email)
  const password = /^ {2}(\S{20})$/m.exec(out)?.[1] ?? ''
  expect([code, password]).toEqual([0, expect.stringMatching(/^[A-Za-z0-9]{20}$/)])
  expect([await sessionStatus(token), await patStatus(pat)]).toEqual(['invalid', 'valid'])
  expect((await signIn(email)).status).toBe(401)
  expect(await sessionStatus(tokenIn(await signIn(email, password)))).toBe('valid')
  expect(await trailOf(userId)).toContain('user.password-reset')
  const dump = await bench.sql`select (select json_agg(u)::text from identity.users u) as users,
    (select json_agg(a)::text from identity.audit_entries a) as audit,
    (select json_agg(o)::text from identity.outbox o) as outbox`
  expect(JSON.stringify(dump)).not.toContain(password)
})

test('a reset does not enable, and needs an address to sign in with', async () => {
  const { userId, email } = await somebody()
  await admin('user', 'disable', userId)
  expect((await admin('user', 'reset-password', userId)).out).toContain('disabled all the same')
  expect((await signIn(email)).status).toBe(401)
  await bench.sql`update identity.users set email = null where id = ${userId}`
  expect(await admin('user', 'reset-password', userId)).toMatchObject({ code: 1, out: '' })
})

test('host access is granted and revoked, and an address proven, each once and told in the trail', async () => {
  const { userId, email } = await somebody()
  const facts = async () =>
    (
      await bench.sql`select host_access_granted_at is not null as host, proven_email, email_proven_by as by
        from identity.users where id = ${userId}`
    )[0]
  expect((await admin('user', 'grant-host-access', email)).out).toContain(`${email} may use`)
  expect((await admin('user', 'grant-host-access', userId)).out).toContain('already')
  expect((await admin('user', 'verify-email', userId)).out).toContain(`${email} counts as proven`)
  expect(await facts()).toEqual({ host: true, proven_email: email, by: 'operator' })
  const line = (await admin('user', 'list')).out.split('\n').find(each => each.includes(userId))
  expect(line).toMatch(/ by operator +yes +active$/)
  expect((await admin('user', 'revoke-host-access', email)).out).toContain('no host access any more')
  expect((await admin('user', 'revoke-host-access', email)).out).toContain('has no host access')
  expect((await facts())?.host).toBe(false)
  expect((await trailOf(userId)).filter(type => /host|verified/.test(type))).toEqual([
    ...['user.host-access-granted', 'user.email-verified', 'user.host-access-revoked'],
  ])
  // Another address is not what was proven.
  await bench.sql`update identity.users set email = 'other@example.test' where id = ${userId}`
  const other = (await admin('user', 'list')).out.split('\n').find(each => each.includes(userId))
  expect(other).not.toContain('by operator')
})

test('the list shows everybody on a line of their own, whatever their name', async () => {
  const { userId, email } = await somebody()
  await bench.sql`update identity.users set name = ${'Eve\u001b[2J\nroot\u202e'} where id = ${userId}`
  await admin('user', 'disable', userId)
  const { code, out } = await admin('user', 'list')
  const [people] = await bench.sql`select count(*)::int as n from identity.users`
  const lines = out.trimEnd().split('\n')
  expect([code, lines.length]).toEqual([0, people?.n + 1])
  const line = lines.find(each => each.includes(userId)) ?? ''
  expect(line).toContain(email)
  expect(line).toContain('Eve�[2J�root�')
  expect(line).toMatch(/disabled since \d{4}-\d\d-\d\d \d\d:\d\d$/)
  expect(lines.filter(each => each.endsWith('active')).length).toBeGreaterThan(0)
})

test('nobody is exit code 1, another command 2 with the usage, and nothing is changed', async () => {
  const { userId } = await somebody()
  for (const who of ['nobody@example.test', crypto.randomUUID(), "' or 1=1--"]) {
    const { code, out, err } = await admin('user', 'disable', who)
    expect([who, code, out, err]).toEqual([who, 1, '', expect.stringContaining('no such user')])
  }
  const { code, out, err } = await admin('user', 'drop', userId)
  expect([code, out, err]).toEqual([2, '', expect.stringMatching(/^Usage:/)])
  expect(await disabledFacts(userId)).toBe(0)
})
