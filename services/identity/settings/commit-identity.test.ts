/** What is stored as somebody's name and address is what git writes into their commits. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getUser } from '@mogplex/proto/identity.ts'
import { answerOf, type IdentityBench, signUpSomebody, startIdentity } from '../test-bench.ts'
import { commitEmailFault, commitIdentityOf, commitNameFault } from './commit-identity.ts'

const PATH = '/api/settings'
let bench: IdentityBench
const repository = mkdtempSync(join(tmpdir(), 'commit-identity-'))
beforeAll(async () => {
  bench = await startIdentity()
  await Bun.$`git init -q ${repository}`.quiet()
})
afterAll(async () => {
  rmSync(repository, { recursive: true, force: true })
  await bench.stop()
})

const get = async (userId: string) => (await answerOf(await bench.call('GET', PATH, { as: { userId } }))).body
const patch = (userId: string, json: unknown) => bench.call('PATCH', PATH, { as: { userId }, json })

/** What git writes for this name and address, or null when it refuses them. */
async function committedAs(name: string, email: string): Promise<string | null> {
  const env = {
    PATH: process.env.PATH ?? '',
    GIT_CONFIG_GLOBAL: '/dev/null',
    ...{
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: email,
      GIT_COMMITTER_NAME: name,
      GIT_COMMITTER_EMAIL: email,
    },
  }
  const made = await Bun.$`git commit -q --allow-empty -m x`.cwd(repository).env(env).nothrow().quiet()
  if (made.exitCode !== 0) return null
  return (await Bun.$`git log -1 ${'--format=%an <%ae>'}`.cwd(repository).env(env).quiet().text()).trimEnd()
}

const NOBODY = {
  commitName: null,
  commitEmail: null,
  name: null,
  email: null,
  username: null,
  githubUsername: null,
}
type Account = Parameters<typeof commitIdentityOf>[0]
const identityOf = (facts: Partial<Account>) =>
  commitIdentityOf({ ...NOBODY, id: 'u-1', ...facts } as Account)

describe('a name', () => {
  test.each(['', '.', '<>.,:;"\'\\', '  ', ' . ', '\t', ',;', '""'])(
    'that git refuses is refused, and falls back: %j',
    async name => {
      expect(await committedAs(name, 'a@example.test')).toBeNull()
      expect(commitNameFault(name)).not.toBeNull()
      const { name: instead, email } = identityOf({ commitName: name, name, email: 'ada@example.test' })
      expect(await committedAs(instead, email)).toBe('ada <ada@example.test>')
    },
  )

  test.each(['a\nb', 'a<b', 'a>b', 'Ada <ada@example.test>', 'x'.repeat(201), '\ud800'])(
    'that git would change is refused, and falls back: %j',
    async name => {
      expect(commitNameFault(name)).not.toBeNull()
      expect(identityOf({ name, username: 'ada' }).name).toBe('ada')
    },
  )

  test.each(['Ada', 'Ada Lovelace', "O'Brien", 'Jöhn "Q" Public', '李小龍', 'x'.repeat(200), 'a\\b', '🦊'])(
    'that git takes is written as it is: %s',
    async name => {
      expect(commitNameFault(name)).toBeNull()
      expect(await committedAs(name, 'a@example.test')).toBe(`${name} <a@example.test>`)
    },
  )

  test('never is missing, whatever the account lacks', async () => {
    expect(identityOf({})).toEqual({ name: 'agent', email: 'u-1@users.noreply.invalid' })
    expect(identityOf({ githubUsername: 'ada-gh' }).name).toBe('ada-gh')
    expect(identityOf({ email: '...@example.test' })).toEqual({
      name: 'agent',
      email: 'u-1@users.noreply.invalid',
    })
  })
})

describe('an address', () => {
  test.each([
    '',
    ' ',
    'ada',
    'a b@example.test',
    'ada@',
    '@x',
    'a@b@c',
    '<a@b.test>',
    'a\n@b.test',
    `${'x'.repeat(250)}@b.test`,
  ])('that is none is refused, and falls back: %j', email => {
    expect(commitEmailFault(email)).not.toBeNull()
    expect(identityOf({ commitEmail: email, email: 'ada@example.test' }).email).toBe('ada@example.test')
  })

  test.each(['ada@example.test', '123+ada@users.noreply.github.com', 'ada@host', 'Ada@Example.test'])(
    'is written as it is: %s',
    async email => {
      expect(commitEmailFault(email)).toBeNull()
      expect(await committedAs('Ada', email)).toBe(`Ada <${email}>`)
    },
  )
})

test('name and address are those of the account until they are set, and again when they are cleared', async () => {
  const { userId, email } = await signUpSomebody(bench)
  const told = async () => (await bench.ask(getUser, { userId })).user?.commitIdentity
  expect(await get(userId)).toMatchObject({ commit_name: 'Ada', commit_email: email })
  expect(await told()).toEqual({ name: 'Ada', email })
  const json = { commit_name: '  Ada L.  ', commit_email: '1+ada@users.noreply.example.test' }
  expect(await answerOf(await patch(userId, json))).toEqual({ status: 200, body: { ok: true } })
  expect(await get(userId)).toMatchObject({ ...json, commit_name: 'Ada L.' })
  expect(await told()).toEqual({ name: 'Ada L.', email: json.commit_email })
  await patch(userId, { commit_name: null })
  expect(await told()).toEqual({ name: 'Ada', email: json.commit_email })
  await patch(userId, { commit_email: null })
  expect(await told()).toEqual({ name: 'Ada', email })
  const events = await bench.sql`select payload from identity.outbox
    where user_id = ${userId} and subject = 'evt.identity.settings.changed' order by sequence`
  expect(events.map(({ payload }) => payload.fields)).toEqual([
    ['commit_name', 'commit_email'],
    ['commit_name'],
    ['commit_email'],
  ])
})

test('a bad one saves nothing, and is named', async () => {
  const { userId } = await signUpSomebody(bench)
  const before = await get(userId)
  for (const [field, values] of [
    ['commit_name', ['', ' ', '<>', 'a\nb', 'a\u0000b', '\ud800', 'x'.repeat(201), 1, true, [], {}]],
    ['commit_email', ['', 'ada', 'a b@c', 'a\u0000@b.test', `${'x'.repeat(255)}@b`, 1, true, [], {}]],
  ] as const) {
    for (const value of values) {
      const { status, body } = await answerOf(await patch(userId, { theme: 'light', [field]: value }))
      expect([value, status, body.code]).toEqual([value, 400, 'BAD_REQUEST'])
      expect(String(body.error)).toStartWith(`${field}: `)
    }
  }
  expect(await get(userId)).toEqual(before)
})
