import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { isValidGitRef } from './git-ref.ts'

function gitAccepts(name: string): boolean {
  return Bun.spawnSync(['git', 'check-ref-format', '--branch', name], { stderr: 'ignore' }).exitCode === 0
}

test.each([
  'main',
  'feature/login',
  'a',
  'v1.2.3',
  'mogplex/run/2026-01-02/fix-it-0a1b2c',
  '_x/-y',
  'head',
  'refs/heads/x',
  'x'.repeat(200),
])('accepts %s', name => {
  expect(isValidGitRef(name)).toBe(true)
})

test.each([
  '',
  '@',
  'HEAD',
  '/a',
  'a/',
  '-a',
  'a.',
  'a..b',
  'a//b',
  'a@{1}',
  '.a',
  'a/.b',
  'a.lock',
  'a.lock/b',
  'a b',
  'a~1',
  'a^',
  'a:b',
  'a?',
  'a*',
  'a[b',
  'a\\b',
  'a\n',
  'é',
  'x'.repeat(201),
])('refuses %j', name => {
  expect(isValidGitRef(name)).toBe(false)
})

test('git accepts every name we accept', () => {
  const fragments = fc.constantFrom('a', 'B', '0', '_', '.', '/', '-', '.lock', 'HEAD', '@', '..', ' ', '~')
  const names = fc.array(fragments, { minLength: 1, maxLength: 8 }).map(parts => parts.join(''))
  fc.assert(
    fc.property(names.filter(isValidGitRef), name => gitAccepts(name)),
    { numRuns: 300 },
  )
})
