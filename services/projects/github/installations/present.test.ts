import { expect, test } from 'bun:test'
import { presentInstallation } from './present.ts'

const shown = (fields: { accountLogin?: string | null; accountType?: string; targetType?: string }) => {
  const row = {
    ...{ id: 'x', userId: 'u', installationId: 5, accountLogin: 'acme', accountType: null, targetType: null },
    ...{ permissions: null, suspendedAt: null, syncVersion: 1, createdAt: new Date(), updatedAt: new Date() },
    ...fields,
  }
  const { scope_label, manage_url } = presentInstallation(row, [], 'https://git.corp')
  return [scope_label, manage_url]
}

test('the scope is what it is installed on, by the target before the account', () => {
  const org = ['Org', 'https://git.corp/organizations/acme/settings/installations/5']
  expect(shown({ targetType: 'ORGANIZATION', accountType: 'User' })).toEqual(org)
  expect(shown({ accountType: 'Organization' })).toEqual(org)
  expect(shown({ targetType: 'User' })).toEqual(['User', 'https://git.corp/settings/installations/5'])
  expect(shown({ targetType: 'Enterprise' })).toEqual(['Enterprise', null])
  expect(shown({})).toEqual(['Account', null])
  expect(shown({ targetType: 'Organization', accountLogin: null })).toEqual(['Org', null])
})
