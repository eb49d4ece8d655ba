import { expect, test } from 'bun:test'
import { LEASE_MS } from '@mogplex/proto/gateway-leases.ts'
import { createLease } from './lease.ts'

test('a lease is good from the grant until its time counted from the question is over', () => {
  const lease = createLease()
  expect(lease.possession(0)).toBeNull()
  lease.granted({ sentAt: 1_000, term: 'a' }, 1_800)
  expect(lease.possession(1_800)).not.toBeNull()
  expect(lease.possession(1_000 + LEASE_MS - 1)).not.toBeNull()
  expect(lease.possession(1_000 + LEASE_MS)).toBeNull()
})

test('renewed in time it is the same possession, and a late reply takes nothing from it', () => {
  const lease = createLease()
  lease.granted({ sentAt: 0, term: 'a' }, 10)
  const first = lease.possession(10)
  lease.granted({ sentAt: 4_000, term: 'a' }, 4_990)
  lease.granted({ sentAt: 2_000, term: 'a' }, 4_995)
  expect(lease.possession(8_999)).toBe(first)
  expect(lease.possession(9_000)).toBeNull()
})

test('regained after a loss it is another possession', () => {
  const lease = createLease()
  lease.granted({ sentAt: 0, term: 'a' }, 10)
  const first = lease.possession(10)
  lease.granted({ sentAt: 4_000, term: 'a' }, LEASE_MS)
  expect(lease.possession(LEASE_MS)).not.toBe(first)
})

test('what identity let run out is another possession, also when it seems held here', () => {
  const lease = createLease()
  lease.granted({ sentAt: 0, term: 'a' }, 10)
  const first = lease.possession(10)
  lease.granted({ sentAt: 2_000, term: 'b' }, 2_010)
  expect(lease.possession(2_010)).not.toBe(first)
  expect(lease.possession(2_000 + LEASE_MS)).toBeNull()
})

test('an answer that comes too late is none, and a surrender is for good', () => {
  const lease = createLease()
  lease.granted({ sentAt: 0, term: 'a' }, LEASE_MS)
  expect(lease.possession(LEASE_MS)).toBeNull()
  lease.granted({ sentAt: 6_000, term: 'a' }, 6_001)
  lease.surrender()
  lease.granted({ sentAt: 6_002, term: 'a' }, 6_003)
  expect(lease.possession(6_003)).toBeNull()
})
