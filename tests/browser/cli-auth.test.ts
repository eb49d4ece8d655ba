/** A command line gets its token by way of the browser: the real page, a real listener (identity spec 10). */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type HandOff, startHandOff } from '@mogplex/cli-hand-off'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { PASSWORD } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { findBarriers } from './barriers.ts'
import { openBrowser, type Person, type TestBrowser } from './browser.ts'

setDefaultTimeout(180_000)

const EMAIL = 'ada@example.test'

let system: System
let browser: TestBrowser
let ada: Person
let serverUrl: string
beforeAll(async () => {
  system = await startSystem()
  serverUrl = `http://localhost:${system.port}`
  browser = await openBrowser(serverUrl)
  ada = await browser.newPerson()
}, 120_000)
afterAll(async () => {
  expect(ada.complaints).toEqual([])
  await browser.close()
  await system.stop()
}, 120_000)

const begin = () => startHandOff({ serverUrl, name: 'laptop' })
const reasonOf = ({ token }: HandOff) =>
  token.then(
    () => 'handed over',
    error => error.reason,
  )
const statusWith = async (token: string) =>
  (await fetch(`${serverUrl}/api/repos`, { headers: { authorization: `Bearer ${token}` } })).status
const heading = () => ada.page.getByRole('heading', { level: 1 }).textContent()
/** Of the tokens of the person who is signed in, the newest first. */
const tokenNames = async (): Promise<string[]> => {
  const response = await ada.context.request.get('/api/settings/api-keys')
  const { keys } = await response.json()
  return keys.map((key: { name: string }) => key.name)
}

test('from the terminal by way of the sign-in to a token that is good, which is in no address', async () => {
  const { page } = ada
  const handOff = await begin()
  const addresses: string[] = []
  page.on('request', request => addresses.push(request.url()))
  await page.goto(handOff.url)
  expect(new URL(page.url()).pathname).toBe('/login')
  await page.getByLabel('E-mail').fill(EMAIL)
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.waitForURL(handOff.url)
  expect(await heading()).toBe('Let a command line in?')
  expect(await page.locator('dl').textContent()).toContain(EMAIL)
  expect(await findBarriers(page)).toEqual([])
  await page.getByRole('button', { name: 'Allow' }).click()
  const { token, user } = await handOff.token
  await page.getByText('You can close this tab').first().waitFor()
  expect(user.email).toBe(EMAIL)
  expect(await statusWith(token)).toBe(200)
  expect(await tokenNames()).toEqual(['CLI: laptop'])
  expect(addresses.join()).not.toContain(token)
  expect(await page.content()).not.toContain(token)
  expect(await findBarriers(page)).toEqual([])
})

test('a consent that was answered in another tab is not answered again', async () => {
  const { page, context } = ada
  const handOff = await begin()
  await page.goto(handOff.url)
  const other = await context.newPage()
  await other.goto(handOff.url)
  await page.getByRole('button', { name: 'Allow' }).click()
  await handOff.token
  await other.getByRole('button', { name: 'Allow' }).click()
  await other.getByText('This was answered before').waitFor()
  await other.close()
  expect(await tokenNames()).toHaveLength(2)
})

test('cancel is told to the command line, and makes no token', async () => {
  const handOff = await begin()
  await ada.page.goto(handOff.url)
  await ada.page.getByRole('button', { name: 'Cancel' }).click()
  expect(await reasonOf(handOff)).toBe('denied')
  await ada.page.getByText('got no token').waitFor()
  expect(await tokenNames()).toHaveLength(2)
})

test('a command line that is gone: retry once it is back, with the token that waits in the page', async () => {
  const { page } = ada
  const port = await reservePort()
  const callback = `http://localhost:${port}/back`
  await page.goto(`/cli-auth?callback=${encodeURIComponent(callback)}&nonce=${'n'.repeat(32)}`)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.getByRole('button', { name: 'Retry' }).waitFor()
  expect(await heading()).toBeString()
  expect(await findBarriers(page)).toEqual([])
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.locator('[data-retry]:enabled').waitFor()
  const delivered = Promise.withResolvers<{ token: string; nonce: string }>()
  const listener = Bun.serve({
    ...{ hostname: '127.0.0.1', port },
    fetch: async request => {
      const headers = {
        'access-control-allow-origin': serverUrl,
        'access-control-allow-headers': 'content-type',
      }
      if (request.method === 'POST') delivered.resolve(await request.json())
      return new Response(null, { status: 204, headers })
    },
  })
  await page.getByRole('button', { name: 'Retry' }).click()
  const { token, nonce } = await delivered.promise
  expect([nonce, await statusWith(token)]).toEqual(['n'.repeat(32), 200])
  await page.getByText('The command line has its token').waitFor()
  await listener.stop(true)
})

test('a command line that stays gone: cancel revokes what could not be handed over', async () => {
  const { page } = ada
  const callback = `http://[::1]:${await reservePort()}`
  const before = await tokenNames()
  await page.goto(`/cli-auth?callback=${encodeURIComponent(callback)}&nonce=${'m'.repeat(32)}`)
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.getByRole('button', { name: 'Cancel and revoke the token' }).click()
  await page.getByText('got no token').waitFor()
  expect(await tokenNames()).toEqual(before)
})

test('a callback elsewhere is refused with a page, and nobody is asked there', async () => {
  const { page } = ada
  const addresses: string[] = []
  page.on('request', request => addresses.push(request.url()))
  const response = await page.goto(
    `/cli-auth?callback=${encodeURIComponent('http://evil.test:4000')}&nonce=x`,
  )
  expect(response?.status()).toBe(400)
  expect(await heading()).toBe('This link does not work')
  expect(addresses.filter(address => new URL(address).hostname !== 'localhost')).toEqual([])
  expect(await findBarriers(page)).toEqual([])
})
