/** Who said what: git's own words and those of the remote come mixed on git's stderr. */
import { STDERR_TAIL } from '../host-git/run-git.ts'
import { cleanText } from '../log-text.ts'

export interface GitWords {
  /** Lines git itself wrote, in order. They hold addresses: looked at, never shown. */
  own: string[]
  /** What the remote's server and hooks said, a line each. It may be anything. */
  remote: string[]
}

const MAX_QUOTE = 500
/** Of ssh servers, whose words git passes on without a mark; and of an `ERR` packet. */
const SPOKEN_BY_SERVER = /^(?:remote:\s?|ERROR:\s|(?:fatal|error): remote error: )(.*)$/

/** `stderr` is git's, in the C locale. A first line that may have lost its beginning counts as the remote's. */
export function splitWords(stderr: string): GitWords {
  const words: GitWords = { own: [], remote: [] }
  const lines = stderr.split(/[\r\n]+/).map(line => line.trimEnd())
  if (stderr.length >= STDERR_TAIL) words.remote.push(lines.shift() ?? '')
  for (const line of lines) {
    const spoken = SPOKEN_BY_SERVER.exec(line)?.[1]
    if (spoken === undefined) words.own.push(line)
    else words.remote.push(spoken)
  }
  return words
}

/**
 * What a remote said as one line that may be shown to the owner of the run or repo: without colours and control
 * characters, without `secrets` and what looks like one, at most 500 characters. Null when nothing is left.
 */
export function quoteWords(lines: readonly string[], secrets: readonly string[] = []): string | null {
  const plain = lines
    .join(' ')
    // Where a local repository is served from is a place of ours, and gone by now.
    .replace(/\/\S{1,1000}\/(?:repository|served)\/(?:\.\/)?(?=refs\/|objects\/)/g, '')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal sequences are what is looked for
    .replace(/\u001b(?:\[[0-?]{0,40}[ -/]{0,40}[@-~]|\][^\u0007\u001b]{0,2000}(?:\u0007|\u001b\\)?)/g, '')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
  const known = secrets
    .filter(secret => secret.length >= 4)
    .sort((one, other) => other.length - one.length)
    .reduce((text, secret) => text.replaceAll(secret, '[redacted]'), plain)
  const text = cleanText(known).replace(/\s+/g, ' ').trim()
  if (text === '') return null
  return text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE - 1)}…` : text
}
