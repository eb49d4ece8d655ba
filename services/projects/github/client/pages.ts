/** Lists that GitHub gives out page by page (projects spec 6.1). */

export const PAGE_SIZE = 100

export interface Listing<Item> {
  items: Item[]
  /** The last page there is was read; otherwise what is missing may just not have been reached. */
  isComplete: boolean
}

/** Reads pages, the first is 1, until one is not full or `maxPages` were read. */
export async function collectPages<Item>(
  maxPages: number,
  fetchPage: (page: number) => Promise<Item[]>,
): Promise<Listing<Item>> {
  const items: Item[] = []
  for (let page = 1; page <= maxPages; page += 1) {
    const found = await fetchPage(page)
    items.push(...found)
    if (found.length < PAGE_SIZE) return { items, isComplete: true }
  }
  return { items, isComplete: false }
}
