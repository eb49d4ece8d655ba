import { expect, test } from 'bun:test'
import { ownersOf } from './owners.ts'

type Installed = Parameters<typeof ownersOf>[2][number]
const installed = (
  accountLogin: string | null,
  targetType: string | null,
  installationId = 5,
): Installed => ({
  ...{ id: 'x', userId: 'u', installationId, accountLogin, accountType: null, targetType },
  ...{ permissions: null, suspendedAt: null, syncVersion: 1, createdAt: new Date(), updatedAt: new Date() },
})
const short = (owners: ReturnType<typeof ownersOf>) =>
  owners.map(({ login, kind, scope_label, source }) => [login, kind, scope_label, source].join(' '))

test('the personal account is first, then logins in order, whatever their case', () => {
  expect(short(ownersOf('kim', ['Zeta', 'beta', 'Alpha'], []))).toEqual([
    'kim personal Personal oauth',
    'Alpha org Org oauth',
    'beta org Org oauth',
    'Zeta org Org oauth',
  ])
})

test('an installation joins the account it is on, in any case, or is one more owner', () => {
  const installations = [
    installed('KIM', 'User'),
    installed('beta', 'Organization'),
    installed('New', 'Organization'),
  ]
  const owners = ownersOf('kim', ['Beta'], installations)
  expect(short(owners)).toEqual([
    'kim personal Personal oauth+installation',
    'Beta org Org oauth+installation',
    'New org Org installation',
  ])
  expect(owners.map(owner => owner.github_installation_id)).toEqual([5, 5, 5])
})

test('what GitHub calls it is its label, and without a login it is nobody', () => {
  const odd = [installed('ent', 'Enterprise'), installed('none', null), installed(null, 'User')]
  expect(short(ownersOf('kim', [], odd))).toEqual([
    'kim personal Personal oauth',
    'ent org Enterprise installation',
    'none org Account installation',
  ])
  // An organisation that has the login now is not the person.
  expect(short(ownersOf('kim', [], [installed('kim', 'Organization')]))).toEqual([
    'kim org Org oauth+installation',
  ])
})
