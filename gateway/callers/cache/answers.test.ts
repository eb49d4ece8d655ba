import { expect, test } from 'bun:test'
import { MAX_ANSWER_AGE_MS } from '@mogplex/proto/gateway-leases.ts'
import { createKeptAnswers, type KeptAnswers } from './answers.ts'
import { createLease, type Lease } from './lease.ts'

const KEPT = { answer: 'Ada', ids: ['key-1', 'user-1'], usableForMs: 600_000 }

function leased(maxEntries = 10): { lease: Lease; answers: KeptAnswers<string> } {
  const lease = createLease()
  lease.granted({ sentAt: 0, term: 'a' }, 0)
  return { lease, answers: createKeptAnswers(lease, maxEntries) }
}

function keep(answers: KeptAnswers<string>, key: string, now: number, kept = KEPT): void {
  const lookup = answers.begin(key, now)
  answers.fill(lookup, kept, now)
  answers.end(lookup)
}

/** As the loop that renews does it. */
function holdUntil(lease: Lease, until: number): void {
  for (let sentAt = 0; sentAt <= until; sentAt += 2_000) lease.granted({ sentAt, term: 'a' }, sentAt)
}

test('an answer is found while the lease is held, and not after', () => {
  const { lease, answers } = leased()
  keep(answers, 'k', 10)
  expect(answers.find('k', 4_999)).toBe('Ada')
  expect(answers.find('other', 20)).toBeNull()
  expect(answers.find('k', 5_000)).toBeNull()
  lease.granted({ sentAt: 5_100, term: 'a' }, 5_200)
  expect(answers.find('k', 5_200)).toBeNull()
})

test.each([['key-1'], ['user-1']])('an order to drop %s reaches what is kept and what is under way', id => {
  const { answers } = leased()
  keep(answers, 'kept', 10)
  keep(answers, 'bystander', 10, { ...KEPT, ids: ['key-2', 'user-2'] })
  const lookup = answers.begin('coming', 10)
  answers.drop([id])
  answers.fill(lookup, KEPT, 20)
  answers.end(lookup)
  expect(answers.find('kept', 30)).toBeNull()
  expect(answers.find('coming', 30)).toBeNull()
  expect(answers.find('bystander', 30)).toBe('Ada')
  keep(answers, 'coming', 40)
  expect(answers.find('coming', 50)).toBe('Ada')
})

test('a lookup that began without the lease, or before it was lost, is not kept', () => {
  const lease = createLease()
  const answers = createKeptAnswers<string>(lease, 10)
  const early = answers.begin('k', 0)
  lease.granted({ sentAt: 0, term: 'a' }, 10)
  answers.fill(early, KEPT, 20)
  expect(answers.find('k', 20)).toBeNull()
  const during = answers.begin('k', 30)
  lease.granted({ sentAt: 6_000, term: 'a' }, 6_010)
  answers.fill(during, KEPT, 6_020)
  expect(answers.find('k', 6_020)).toBeNull()
})

test('an answer ends with the credential, and after a minute at the latest, counted from the question', () => {
  const { lease, answers } = leased()
  holdUntil(lease, 70_000)
  keep(answers, 'short', 100, { ...KEPT, usableForMs: 500 })
  expect(answers.find('short', 599)).toBe('Ada')
  expect(answers.find('short', 600)).toBeNull()
  keep(answers, 'long', 1_000)
  expect(answers.find('long', 1_000 + MAX_ANSWER_AGE_MS - 1)).toBe('Ada')
  expect(answers.find('long', 1_000 + MAX_ANSWER_AGE_MS)).toBeNull()
  const slow = answers.begin('slow', 2_000)
  answers.fill(slow, { ...KEPT, usableForMs: 500 }, 2_600)
  expect(answers.find('slow', 2_600)).toBeNull()
})

test('there are never more answers than allowed; the oldest goes first', () => {
  const { answers } = leased(3)
  for (const key of ['a', 'b', 'c', 'a', 'd']) keep(answers, key, 10)
  expect(answers.size()).toBe(3)
  expect(['a', 'b', 'c', 'd'].map(key => answers.find(key, 20))).toEqual(['Ada', null, 'Ada', 'Ada'])
})
