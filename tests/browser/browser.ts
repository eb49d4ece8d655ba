/** Debian's Chromium, as a person has it: one browser a test file, a context of its own for each person. */
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

/** No sandbox: tests may run as root; the rest keeps it from calling its makers. */
const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

/** How long a page may take to do what it was asked. */
const LIMIT_MS = 40_000

export interface Person {
  page: Page
  context: BrowserContext
  /** What the page's policy or its scripts complained of. */
  complaints: string[]
}

export interface TestBrowser {
  /** Somebody new, without cookies, who looks at `baseUrl`. */
  newPerson: (options?: { colorScheme?: 'light' | 'dark'; width?: number }) => Promise<Person>
  close: () => Promise<void>
}

/** Starts it. */
export async function openBrowser(baseURL: string): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: Bun.which('chromium') ?? 'chromium',
    args: FLAGS,
    env: { ...process.env, HOME: temporaryDirectory('browser') },
  })
  return {
    newPerson: async ({ colorScheme = 'light', width = 1100 } = {}) => {
      const context = await browser.newContext({
        ...{ baseURL, colorScheme, viewport: { width, height: 800 } },
      })
      context.setDefaultTimeout(LIMIT_MS)
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('pageerror', error => complaints.push(error.message))
      page.on('console', message => {
        const text = message.text()
        // A refusal by the API is what a test may be about; the browser notes each of them.
        if (message.type() === 'error' && !text.startsWith('Failed to load resource')) complaints.push(text)
      })
      return { page, context, complaints }
    },
    close: () => browser.close(),
  }
}
