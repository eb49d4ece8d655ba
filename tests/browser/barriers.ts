/** What keeps people from using a page: missing labels and roles, weak contrast, and the like. */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'

const AXE = readFileSync(Bun.resolveSync('axe-core/axe.min.js', import.meta.dir), 'utf8')

interface AxeResults {
  violations: { id: string; nodes: { html: string }[] }[]
}

/**
 * The rules of WCAG 2.2 AA that the page as it is now breaks, each with where. `within` is a selector, for pages
 * so long that all of them would take seconds.
 */
export async function findBarriers(page: Page, within = 'html'): Promise<string[]> {
  // Past the page's own policy, which rightly keeps foreign scripts out.
  await page.evaluate(AXE)
  const run = `axe.run(${JSON.stringify(within)}, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] })`
  const { violations } = await page.evaluate<AxeResults>(run)
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`)
}
