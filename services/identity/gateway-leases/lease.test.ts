import { expect, test } from 'bun:test'
import { LEASE_AT_IDENTITY_MS, LEASE_MS } from '@mogplex/proto/gateway-leases.ts'
import { isRunning, renewed } from './lease.ts'
import { tellHolder } from './tell-holder.ts'
import { usableForMs } from './usable-for.ts'

test('identity counts with a lease for longer than its holder does', () => {
  expect(LEASE_AT_IDENTITY_MS).toBeGreaterThan(LEASE_MS)
})

test('a renewal in time keeps the term, a later one begins another', () => {
  const first = renewed(null, 'a', 1_000)
  expect(first).toEqual({ term: 'a', expiresAt: 1_000 + LEASE_AT_IDENTITY_MS, isRenewable: true })
  if (!first) return
  expect(isRunning(first, first.expiresAt - 1)).toBe(true)
  expect(isRunning(first, first.expiresAt)).toBe(false)
  expect(renewed(first, 'b', first.expiresAt - 1)?.term).toBe('a')
  expect(renewed(first, 'b', first.expiresAt)?.term).toBe('b')
})

test('a renewal never shortens a lease, also when the clock was set back', () => {
  const row = { term: 'a', expiresAt: 60_000, isRenewable: true }
  expect(renewed(row, 'b', 1_000)?.expiresAt).toBe(60_000)
})

test('who did not acknowledge gets nothing until the lease has run out, then a new term', () => {
  const row = { term: 'a', expiresAt: 5_000, isRenewable: false }
  expect(renewed(row, 'b', 4_999)).toBeNull()
  expect(renewed(row, 'b', 5_000)).toMatchObject({ term: 'b', isRenewable: true })
})

test('a holder is told until it acknowledges, or its lease has run out', async () => {
  const tell = async (acknowledgesAt: number, runsOutAt: number) => {
    const calls: string[] = []
    const called = (name: string) => {
      calls.push(name)
      return calls.filter(call => call === name).length
    }
    await tellHolder({
      tell: async () => called('tell') >= acknowledgesAt,
      refuseRenewal: async () => called('refuse') < runsOutAt,
      pause: async () => void called('pause'),
    })
    return calls.join(' ')
  }
  expect(await tell(1, 9)).toBe('tell')
  expect(await tell(2, 9)).toBe('tell refuse pause tell')
  expect(await tell(9, 2)).toBe('tell refuse pause tell refuse')
})

test('when it cannot be known whether a lease runs, nothing is promised', async () => {
  const refuseRenewal = () => Promise.reject(new Error('no database'))
  const told = tellHolder({ tell: async () => false, refuseRenewal, pause: async () => undefined })
  await expect(told).rejects.toThrow('no database')
})

test('an answer may be used for a minute, or until the credential ends', () => {
  const now = new Date(1_000_000)
  const inMs = (ms: number) => new Date(now.getTime() + ms)
  expect(usableForMs(null, now)).toBe(60_000)
  expect(usableForMs(inMs(90_000), now)).toBe(60_000)
  expect(usableForMs(inMs(1_500), now)).toBe(1_500)
  expect(usableForMs(inMs(-1), now)).toBe(0)
})
