import { expect, test } from 'bun:test'
import { matches } from '@mogplex/kit/validation.ts'
import { GithubRepo } from './api.ts'

test.each([
  ['ada/app', true],
  ['ada/.github', true],
  ['ada/..app', true],
  ['ada/..', false],
  ['./app', false],
  ['ada/app/more', false],
  ['ada/a b', false],
])('%p can be a name in an address: %p', (full_name, isName) => {
  expect(matches(GithubRepo, { id: 1, full_name })).toBe(isName)
})
