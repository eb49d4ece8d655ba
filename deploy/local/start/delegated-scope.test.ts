import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { findOwnCgroup, isDelegated } from '@mogplex/kit/processes/own-cgroup.ts'
import { placeInScope } from './delegated-scope.ts'

const plain = {
  command: ['/bin/cat', '/proc/self/cgroup'],
  environment: { PATH: process.env.PATH, OWN: 'set' },
}
const hasSystemd = existsSync('/run/systemd/system')

async function place(isWanted: boolean, own: Record<string, string | undefined>) {
  const troubles: string[] = []
  const inScope = placeInScope({ isWanted, own, onTrouble: text => troubles.push(text) })
  return { first: await inScope(plain), second: await inScope(plain), troubles }
}

test('without systemd, or where it is not wanted, a command is started as it is and nothing is said', async () => {
  const unwanted = await place(false, process.env)
  expect(unwanted).toEqual({ first: plain, second: plain, troubles: [] })
  if (!hasSystemd) expect(await place(true, process.env)).toEqual(unwanted)
})

const isOrdinary = process.getuid?.() !== 0
test.skipIf(!hasSystemd || !isOrdinary || isDelegated(findOwnCgroup()?.directory ?? '/'))(
  'a user’s manager that cannot be reached is told of once, and the command is started as it is',
  async () => {
    const { first, second, troubles } = await place(true, { XDG_RUNTIME_DIR: '/nowhere' })
    expect([first, second]).toEqual([plain, plain])
    expect(troubles).toHaveLength(1)
    expect(troubles[0]).toEndWith('; what sandboxes take is measured')
  },
)
