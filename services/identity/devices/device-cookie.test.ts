import { expect, test } from 'bun:test'
import { createDeviceCookies, isDeviceOf } from './device-cookie.ts'

const DAY_MS = 24 * 3_600_000
const now = new Date('2026-01-02T03:04:05.678Z')
const days = (count: number) => new Date(now.getTime() + count * DAY_MS)
const plain = createDeviceCookies('a key', { isSecure: false })
const user = { id: 'ada', devicesKnownSince: now }

async function madeValue(cookies = plain) {
  const [pair = ''] = (await cookies.make('ada', now)).split(';')
  return cookies.find(`a=b; ${pair}; c=d`)
}

test('a browser is known for 180 days, to the user who signed in', async () => {
  const value = await madeValue()
  const device = await plain.read(value, days(179))
  expect(isDeviceOf(device, user)).toBe(true)
  expect(isDeviceOf(device, { ...user, id: 'grace' })).toBe(false)
  expect(isDeviceOf(device, null)).toBe(false)
  expect(await plain.read(value, days(181))).toBeNull()
})

test('not after a new password, to the millisecond', async () => {
  const device = await plain.read(await madeValue(), now)
  expect(isDeviceOf(device, { ...user, devicesKnownSince: new Date(now.getTime() + 1) })).toBe(false)
})

test('another key, half a cookie and nonsense are nobody’s', async () => {
  const other = createDeviceCookies('another key', { isSecure: false })
  const value = await madeValue()
  expect(await other.read(value, now)).toBeNull()
  for (const text of [null, '', 'x', 'a.b.c', value?.slice(0, -2) ?? ''])
    expect([text, await plain.read(text, now)]).toEqual([text, null])
})

test('over https it belongs to this host alone', async () => {
  const secure = createDeviceCookies('a key', { isSecure: true })
  expect(await secure.make('ada', now)).toMatch(
    /^__Host-mogplex_device=.*; Path=\/; Max-Age=15552000; Secure$/,
  )
  expect(await secure.read(await madeValue(secure), now)).toMatchObject({ sub: 'ada' })
  // One that was planted from elsewhere.
  expect(secure.find('mogplex_device=x')).toBeNull()
})
