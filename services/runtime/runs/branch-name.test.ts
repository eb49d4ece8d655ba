import { expect, test } from 'bun:test'
import { isValidGitRef } from '@mogplex/kit/git-ref.ts'
import fc from 'fast-check'
import { generatedBranch, slugOf } from './branch-name.ts'

test.each([
  ['Fix the cart', 'fix-the-cart'],
  ['  Änderung: die Größe!  ', 'anderung-die-gro-e'],
  ['修理カート', 'task'],
  ['!!!', 'task'],
  ['one two three four five six seven eight nine ten', 'one-two-three-four-five-six-seven-eight'],
  ['x'.repeat(60), 'x'.repeat(40)],
])('%p begins as %p', (prompt, slug) => {
  expect(slugOf(prompt)).toBe(slug)
})

test('whatever the prompt, the branch is one git takes, with a slug of 1 to 40 characters', () => {
  const now = new Date('2026-11-24T23:59:59.999Z')
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.string(), (prompt, key) => {
      const branch = generatedBranch({ prompt, key, requestHash: 'h', now })
      expect(branch).toMatch(/^mogplex\/run\/2026-11-24\/[a-z0-9][a-z0-9-]{0,39}-[0-9a-f]{6}$/)
      expect(isValidGitRef(branch)).toBe(true)
    }),
  )
})
