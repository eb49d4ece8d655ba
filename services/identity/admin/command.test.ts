import { expect, test } from 'bun:test'
import { readCommand } from './command.ts'

test('all commands on accounts', () => {
  expect(readCommand(['user', 'list'])).toEqual({ name: 'list' })
  const names = ['disable', 'enable', 'reset-password', 'verify-email'] as const
  for (const name of [...names, 'grant-host-access', 'revoke-host-access'] as const)
    expect(readCommand(['user', name, ' ada@example.test '])).toEqual({ name, who: 'ada@example.test' })
})

test('nothing else', () => {
  const user = 'ada@example.test'
  const others = [[], ['user'], ['users', 'list'], ['user', 'list', user], ['user', 'drop', user], ['list']]
  const missing = [
    ['user', 'disable'],
    ['user', 'disable', ' '],
    ['user', 'disable', user, user],
    ['user', ''],
  ]
  for (const args of [...others, ...missing]) expect([args, readCommand(args)]).toEqual([args, null])
})
