import { expect, test } from 'bun:test'
import type { Asker } from '@mogplex/kit/bus/ask.ts'
import { unavailable } from '@mogplex/kit/errors.ts'
import { getUser, resolvePat, resolveSession } from '@mogplex/proto/identity.ts'
import { createKeptAnswers } from './answers.ts'
import { createCachingAsker } from './caching-asker.ts'
import { createLease } from './lease.ts'

const PAT = {
  status: 'valid',
  userId: 'u',
  keyId: 'k',
  scopes: ['read'],
  expiresAt: null,
  usableForMs: 60_000,
}
const SESSION = {
  ...{ status: 'valid', userId: 'u', sessionId: 's', expiresAt: '2100-01-01T00:00:00.000Z' },
  ...{ usableForMs: 60_000, replacementCookie: null },
}
const tokenHash = 'a'.repeat(64)

/** An asker whose identity answers what `replies` say, in turn, and the last one for ever. */
function askerWith(...replies: unknown[]) {
  const asked: string[] = []
  const lease = createLease()
  lease.granted({ sentAt: 0, term: 'a' }, 0)
  const ask = (async contract => {
    asked.push(contract.subject)
    const reply = replies.length > 1 ? replies.shift() : replies[0]
    if (reply instanceof Error) throw reply
    return reply
  }) as Asker
  const answers = createKeptAnswers<unknown>(lease, 10)
  return { asked, answers, lease, ask: createCachingAsker({ ask, answers, clock: () => 1 }) }
}

test.each([
  ['a token', resolvePat, PAT],
  ['a session', resolveSession, SESSION],
] as const)('%s is asked about once', async (_, contract, reply) => {
  const { ask, asked } = askerWith(reply)
  for (let time = 0; time < 3; time += 1) expect(await ask(contract, { tokenHash })).toEqual(reply as never)
  expect(asked).toEqual([contract.subject])
  await ask(contract, { tokenHash: 'b'.repeat(64) })
  expect(asked.length).toBe(2)
})

test.each([
  ['a bad credential', resolvePat, { status: 'invalid' }],
  ['a session whose token was just replaced', resolveSession, { ...SESSION, replacementCookie: 'cookie' }],
  ['an answer of which identity says nothing', resolvePat, { ...PAT, usableForMs: undefined }],
  ['an answer that is over already', resolvePat, { ...PAT, usableForMs: 0 }],
] as const)('%s is asked about every time', async (_, contract, reply) => {
  const { ask, asked, answers } = askerWith(reply)
  for (let time = 0; time < 3; time += 1) await ask(contract, { tokenHash })
  expect(asked.length).toBe(3)
  expect(answers.size()).toBe(0)
})

test('a session is never taken for a token with the same hash', async () => {
  const { ask, asked } = askerWith(PAT)
  await ask(resolvePat, { tokenHash })
  await ask(resolveSession, { tokenHash })
  expect(asked).toEqual([resolvePat.subject, resolveSession.subject])
})

test('other questions are none of its business', async () => {
  const { ask, asked } = askerWith({ user: null })
  for (let time = 0; time < 2; time += 1) await ask(getUser, { userId: 'u' })
  expect(asked.length).toBe(2)
})

test('a failure is passed on and not remembered', async () => {
  const { ask } = askerWith(unavailable('away'), PAT)
  await expect(ask(resolvePat, { tokenHash })).rejects.toThrow('away')
  expect(await ask(resolvePat, { tokenHash })).toEqual(PAT as never)
})

test('without the lease every question is asked', async () => {
  const { ask, asked, lease } = askerWith(PAT)
  await ask(resolvePat, { tokenHash })
  lease.surrender()
  await ask(resolvePat, { tokenHash })
  await ask(resolvePat, { tokenHash })
  expect(asked.length).toBe(3)
})
