import { expect, test } from 'bun:test'
import { changeOf, rebindTo } from './changes.ts'

const row = { fullName: 'a/one', defaultBranch: 'main', githubInstallationId: 5 }
const listed = { id: 1, full_name: 'a/one', default_branch: 'main' }

test('what is the same is no change', () => {
  expect(changeOf(row, listed, 5)).toBeNull()
  expect(changeOf(row, listed, null)).toBeNull()
})

test('name and branch follow GitHub; a branch it does not name, or that cannot be used here, changes nothing', () => {
  expect(changeOf(row, { ...listed, full_name: 'b/two', default_branch: 'trunk' }, null)).toEqual({
    columns: { fullName: 'b/two', defaultBranch: 'trunk' },
    fields: ['full_name', 'default_branch'],
    isCovered: false,
  })
  for (const default_branch of [null, '', 'fix#1', 'a..b'])
    expect(changeOf(row, { ...listed, default_branch }, 5)).toBeNull()
  expect(changeOf(row, { id: 1, full_name: 'a/one' }, 5)).toBeNull()
})

test('an installation covers what it lists, and takes over from another; one’s own list covers nothing', () => {
  const change = { columns: { githubInstallationId: 6 }, fields: [], isCovered: true }
  expect(changeOf(row, listed, 6)).toEqual(change)
  expect(changeOf({ ...row, githubInstallationId: null }, listed, 6)).toEqual(change)
  expect(changeOf({ ...row, githubInstallationId: null }, listed, null)).toBeNull()
})

test('automation may move to an installation only where it is the only one', () => {
  expect(rebindTo(5, [5])).toEqual({ allowed: true, reason: 'none' })
  expect(rebindTo(5, [])).toEqual({ allowed: false, reason: 'no_current_installations' })
  expect(rebindTo(5, [6])).toEqual({ allowed: false, reason: 'current_installation_mismatch' })
  expect(rebindTo(5, [5, 6])).toEqual({ allowed: false, reason: 'multiple_current_installations' })
})
