/** The pages as people meet them: in a real browser, on the running product. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import type { Page } from 'playwright-core'
import { PASSWORD } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { findBarriers } from './barriers.ts'
import { openBrowser, type Person, type TestBrowser } from './browser.ts'

setDefaultTimeout(180_000)

const EMAIL = 'ada@example.test'
const TOKENS = '/settings/api-keys'

let system: System
let browser: TestBrowser
/** Who signed up first, and goes on from test to test. */
let ada: Person
beforeAll(async () => {
  system = await startSystem()
  browser = await openBrowser(`http://localhost:${system.port}`)
  ada = await browser.newPerson()
}, 120_000)
afterAll(async () => {
  expect(ada.complaints).toEqual([])
  await browser.close()
  await system.stop()
}, 120_000)

const fillIn = async (page: Page, email: string, password: string) => {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
}
const pathOf = (page: Page) => new URL(page.url()).pathname
const isFocused = (page: Page, selector: string) =>
  page.locator(selector).evaluate(element => element === element.ownerDocument.activeElement)
const statusWith = async (token: string | null) =>
  (await fetch(`${system.baseUrl}/api/repos`, { headers: { authorization: `Bearer ${token}` } })).status

test('the link that the start prints fills the code in and is gone from the address; a wrong one is told there', async () => {
  const { page, complaints } = await browser.newPerson()
  // As somebody who comes through a proxy.
  await page.setExtraHTTPHeaders({ via: '1.1 proxy' })
  const [link = '', code = ''] = /http:\S+#code=(\S+)/.exec(system.output()) ?? []
  await page.goto(link)
  const field = page.getByLabel('Sign-up code')
  expect(await field.inputValue()).toBe(code)
  expect(page.url()).toBe(`http://localhost:${system.port}/login`)
  expect(await findBarriers(page)).toEqual([])
  await field.fill('another')
  await fillIn(page, EMAIL, PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.locator('.fault').waitFor()
  expect(await page.locator('.fault').textContent()).toStartWith('The first account needs the code')
  expect(await isFocused(page, '#signup-code')).toBe(true)
  expect(complaints).toEqual([])
})

test('the first person is led from the start page to an account; a fault stands at its field', async () => {
  const { page } = ada
  await page.goto('/')
  expect(new URL(page.url()).searchParams.get('next')).toBe(TOKENS)
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Create an account')
  expect(await findBarriers(page)).toEqual([])
  await fillIn(page, EMAIL, 'short')
  await page.getByRole('button', { name: 'Create account' }).click()
  const password = page.getByLabel('Password')
  await page.locator('.fault').waitFor()
  expect(await page.locator('.fault').textContent()).toBe('Must have 10 to 128 characters.')
  expect(await password.getAttribute('aria-describedby')).toBe('password-fault')
  expect(await isFocused(page, '#password')).toBe(true)
  expect(await page.getByLabel('E-mail').inputValue()).toBe(EMAIL)
  await password.fill(PASSWORD)
  // Enter, as most people do.
  await password.press('Enter')
  await page.waitForURL(`**${TOKENS}`)
  expect(await page.locator('.who').textContent()).toBe(EMAIL)
})

test('a token is made, shown once, copied and good; the list knows it by its first characters', async () => {
  const { page, context } = ada
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  expect(await findBarriers(page)).toEqual([])
  await page.getByRole('button', { name: 'Create token' }).click()
  await page.locator('.fault').waitFor()
  expect(await isFocused(page, '#name')).toBe(true)
  await page.getByLabel('Name').fill('Nightly <script>')
  await page.getByRole('button', { name: 'Create token' }).click()
  await page.locator('#created').waitFor()
  const token = (await page.locator('[data-token]').textContent()) ?? ''
  await page.getByRole('button', { name: 'Copy' }).click()
  await page.getByText('Copied.').waitFor()
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(token)
  expect(await statusWith(token)).toBe(200)
  expect(await page.locator('#tokens code').textContent()).toBe(`${token.slice(0, 12)}…`)
  expect(await findBarriers(page)).toEqual([])
  await page.reload()
  expect(await page.content()).not.toContain(token)
})

test('a token is rotated with the keyboard alone: both are good; revoking asks first', async () => {
  const { page } = ada
  await page.getByRole('button', { name: 'Rotate Nightly <script>' }).focus()
  await page.keyboard.press('Enter')
  expect(await findBarriers(page)).toEqual([])
  await page.keyboard.press('Escape')
  expect(await page.locator('dialog[open]').count()).toBe(0)
  await page.keyboard.press('Enter')
  // From the choice of the overlap to the button.
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.locator('#created').waitFor()
  const token = await page.locator('[data-token]').textContent()
  expect(await page.locator('#tokens tbody tr').count()).toBe(2)
  await page.getByRole('button', { name: 'Revoke Nightly <script>' }).first().click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await page.locator('#tokens tbody tr:only-child').waitFor()
  expect(await statusWith(token)).toBe(401)
})

test('signing out ends the session; a wrong password is said, the right one leads back', async () => {
  const { page } = ada
  await page.getByRole('link', { name: 'Sign out' }).click()
  await page.waitForURL('**/login')
  await page.goto(TOKENS)
  expect(pathOf(page)).toBe('/login')
  // There is a user now, so nobody else may sign up here.
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Sign in')
  expect(await page.getByRole('link', { name: 'Create an account' }).count()).toBe(0)
  await fillIn(page, EMAIL, 'not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  const notice = page.locator('form [data-notice]')
  await page.getByText('Wrong e-mail address or password').waitFor()
  expect(await notice.getAttribute('role')).toBe('alert')
  expect(await isFocused(page, 'form [data-notice]')).toBe(true)
  expect(await findBarriers(page)).toEqual([])
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(`**${TOKENS}`)
  await page.goto('/login?next=%2Fsettings%2Fapi-keys')
  expect(pathOf(page)).toBe(TOKENS)
})

test('too many tries are said with the time to wait', async () => {
  const { page } = await browser.newPerson()
  await page.goto('/login')
  for (let tries = 0; tries < 6; tries += 1) {
    await fillIn(page, 'grace@example.test', 'not the password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('button[type=submit]:enabled').waitFor()
  }
  expect(await page.locator('form [data-notice]').textContent()).toMatch(
    /^Too many tries\. Try again in 1[45] minutes\.$/,
  )
})

test('the page of the API opens what one asks for, on a phone as well', async () => {
  const { page, complaints } = await browser.newPerson({ colorScheme: 'dark', width: 380 })
  await page.goto('/docs')
  const run = page.locator('#startRun')
  expect(await run.getByText('Idempotency-Key').isVisible()).toBe(false)
  await run.locator('summary').click()
  expect(await run.getByText('Idempotency-Key').isVisible()).toBe(true)
  // All sections are made alike, and the page is long.
  expect(await findBarriers(page, 'section:has(#startRun)')).toEqual([])
  await run.getByRole('link', { name: 'StartRunRequest' }).click()
  expect(await page.locator('.object:target h3').textContent()).toBe('StartRunRequest')
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
  expect(complaints).toEqual([])
})

test('errors and notices in the address are shown as text, and nothing else of it is', async () => {
  const { page, complaints } = await browser.newPerson({ colorScheme: 'dark', width: 380 })
  await page.goto('/login?error=account_exists&expired=true')
  expect(await page.getByRole('status').textContent()).toBe('Sign-in did not work: account exists.')
  await page.goto('/login?expired=true')
  expect(await page.getByRole('status').textContent()).toContain('expired')
  expect(await findBarriers(page)).toEqual([])
  await page.goto(
    `/login?error=${encodeURIComponent('<b>x</b>')}&next=${encodeURIComponent('https://evil.test')}`,
  )
  expect(await page.getByRole('status').count()).toBe(0)
  expect(await page.locator('input[name=next]').inputValue()).toBe('/')
  await page.goto('/nothing')
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('There is no such page')
  expect(await findBarriers(page)).toEqual([])
  expect(complaints).toEqual([])
})
