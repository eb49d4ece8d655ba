/** The branch made for a run that asks for one and names none (v1 contract 6; spec README, 8). */
import { sha256Hex } from '@mogplex/kit/ids.ts'

const MAX_SLUG_LENGTH = 40
const HASH_LENGTH = 6

/** `mogplex/run/<UTC date>/<slug>-<hash>`: the same for a repeated request of the same day. */
export function generatedBranch(facts: {
  prompt: string
  key: string
  requestHash: string
  now: Date
}): string {
  const date = facts.now.toISOString().slice(0, 10)
  const hash = sha256Hex(`${facts.key}\n${facts.requestHash}`).slice(0, HASH_LENGTH)
  return `mogplex/run/${date}/${slugOf(facts.prompt)}-${hash}`
}

/** The first whole words of a text as `[a-z0-9-]`, at most 40; `task` when there are none in that script. */
export function slugOf(text: string): string {
  const words = text
    // Enough for the slug, whatever the length of the prompt.
    .slice(0, MAX_SLUG_LENGTH * 10)
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '')
  let slug = (words[0] ?? 'task').slice(0, MAX_SLUG_LENGTH)
  for (const word of words.slice(1)) {
    if (slug.length + 1 + word.length > MAX_SLUG_LENGTH) break
    slug += `-${word}`
  }
  return slug
}
