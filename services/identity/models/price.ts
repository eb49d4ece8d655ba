/** Which catalogue row a CLI's name for a model means (runtime spec 5). */

const BARE_NAME_PROVIDERS = ['openai', 'anthropic'] as const

/** `-20250929` or `-2025-09-29` at the end: the snapshot a provider resolved an alias to. */
const SNAPSHOT_DATE = /-\d{4}-?\d{2}-?\d{2}$/

/**
 * Catalogue ids to try for `name`, best first: the name itself; as a model of OpenAI and of Anthropic when it
 * names no provider; then the same without a snapshot date.
 *
 * @example
 * priceCandidates('claude-sonnet-4-5-20250929') // …, 'anthropic/claude-sonnet-4-5'
 */
export function priceCandidates(name: string): string[] {
  const undated = name.replace(SNAPSHOT_DATE, '')
  const names = undated === name ? [name] : [name, undated]
  return names.flatMap(candidate =>
    candidate.includes('/')
      ? [candidate]
      : [candidate, ...BARE_NAME_PROVIDERS.map(provider => `${provider}/${candidate}`)],
  )
}
