const MAX_CHARACTERS = 72
const CONTROL = /\p{Cc}+/gu

/** The first line of a prompt that says anything, at most 72 characters (runtime spec 3.4). */
export function commitMessage(prompt: string): string {
  const lines = prompt.split(/\r?\n|\r/).map(line => line.replace(CONTROL, ' ').trim())
  const first = lines.find(line => line !== '') ?? 'Changes by the agent'
  return Array.from(first).slice(0, MAX_CHARACTERS).join('').trimEnd()
}
