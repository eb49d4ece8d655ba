import { expect, test } from 'bun:test'
import { isPinningVersion } from '../host-git/git-program.ts'
import { vetHost } from '../public-address.ts'
import { parseRemote } from './parse-remote.ts'
import { reachHost } from './reach-host.ts'

const addresses: Record<string, string[]> = {
  'public.example': ['1.1.1.1'],
  'private.example': ['10.0.0.1'],
  'mixed.example': ['1.1.1.1', '::1'],
  'silent.example': [],
}
const vet = (host: string) => vetHost(host, async name => addresses[name] ?? [])

function reach(host: string, allowPrivateHosts = false) {
  const remote = parseRemote(`https://${host}/a/b`, { allowHttp: false })
  if (remote.kind === 'local') throw new Error('not a host')
  return reachHost(remote, { allowPrivateHosts, vet })
}

test('a public host is reached at the addresses it has now', async () => {
  expect(await reach('public.example')).toEqual({ addresses: ['1.1.1.1'] })
})

test.each(['private.example', 'mixed.example', 'localhost', '127.0.0.1'])('%p is refused', async host => {
  expect(await reach(host)).toMatchObject({ refusal: 'forbidden' })
})

test('a host without an address is told apart', async () => {
  expect(await reach('silent.example')).toMatchObject({ refusal: 'unresolved' })
})

test('where private hosts are allowed nothing is vetted', async () => {
  expect(await reach('private.example', true)).toEqual({ addresses: null })
})

test.each([
  ['git version 2.36.6', false],
  ['git version 1.40.0', false],
  ['nothing', false],
  ['git version 2.37.0', true],
  ['git version 2.39.5 (Apple Git-154)', true],
  ['git version 3.0.1', true],
])('%p can be told addresses: %p', (text, isPinning) => expect(isPinningVersion(text)).toBe(isPinning))
