/**
 * Which values of a repository's variables are secrets, so that they are kept out of all that is stored of a run
 * (ruling 44), and which are words that must stay readable: `NODE_ENV=development` hides no "development".
 */
import { parseStructure } from './cut-text.ts'
import { looksRandom } from './random-text.ts'
import { isSecretMember } from './redact.ts'
import { redactShapes } from './secret-texts.ts'

/** As whole words of a name. */
const TELLING_WORDS = new Set(
  [
    ['token', 'secret', 'password', 'passwd', 'passphrase', 'passcode', 'pass', 'pwd', 'pw', 'pin'],
    ['key', 'apikey', 'credential', 'cred', 'private', 'dsn', 'auth', 'authorization', 'bearer', 'jwt'],
    ['salt', 'mnemonic', 'signature', 'hmac', 'otp', 'totp', 'pat', 'pem'],
  ].flat(),
)
/** Also as the end of a word: `PGPASSWORD`, `ACCESSTOKEN`. */
const TELLING_END =
  /(?:token|secret|password|passwd|passphrase|apikey|authkey|accesskey|secretkey|credential)s?$/
/** What such names hold when they are switches, not secrets (`AUTH=disabled`). */
const SWITCHES = new Set(['enabled', 'disabled', 'required', 'optional', 'default', 'undefined'])

/** The password of `scheme://user:password@host`; passwords are pasted in with any sign but these. */
const ADDRESS_PASSWORD = /[a-z0-9+.-]{1,20}:\/\/[^\s/?#:@]{0,500}:([^\s/?#@]{1,2000})@/gi
/** A pair of a connection string, a query or a command line whose name tells. */
const TELLING_PAIR =
  /(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|accountkey|credential|signature|sig)\s*=\s*([^\s;&,'"]{1,2000})/gi
/** A longer value is a whole file; it counts as a secret, for to look through it would take too long. */
const MAX_LOOKED_AT = 4_000
/** Each is looked for in every event; a value has its few. */
const MAX_PARTS = 8

/** Every text to hide for these variables: the values that are secrets, and the secret parts inside of them. */
export function secretsOfVariables(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).flatMap(([name, value]) => {
    const isTelling = isTellingName(name) && !SWITCHES.has(value.trim().toLowerCase())
    const parts = secretParts(value)
    // A value that is a file's ends with a line end that nobody prints.
    return isTelling || parts.length > 0 || isSecretText(value) ? [value, value.trim(), ...parts] : []
  })
}

/** Whether a variable of this name holds a secret, whatever its value: `GITHUB_TOKEN`, `dbPassword`, not `MONKEY`. */
export function isTellingName(name: string): boolean {
  return wordsOf(name).some(word => {
    const singular = word.replace(/s$/, '')
    return TELLING_WORDS.has(word) || TELLING_WORDS.has(singular) || TELLING_END.test(word)
  })
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z]+/)
}

function isSecretText(value: string): boolean {
  if (value.length > MAX_LOOKED_AT || value.includes('-----BEGIN ')) return true
  if (redactShapes(value) !== value.replaceAll('\0', '\ufffd').toWellFormed()) return true
  const structure = parseStructure(value)
  return (structure !== null && hasSecretMember(structure)) || looksRandom(value)
}

/** What gets about without the rest of its value: the password of an address, a token in a path. */
function secretParts(value: string): string[] {
  if (value.length > MAX_LOOKED_AT || value.includes('\n')) return []
  const passwords = [...value.matchAll(ADDRESS_PASSWORD), ...value.matchAll(TELLING_PAIR)].flatMap(
    ([, password = '']) => [password, decoded(password)],
  )
  const random = value.split(/[\s/?&=;,'"@:]+/).filter(part => part !== value && looksRandom(part))
  return [...new Set([...passwords, ...random])].slice(0, MAX_PARTS)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function hasSecretMember(value: object): boolean {
  return Object.entries(value).some(([key, member]) => {
    if (typeof member === 'string' && member !== '' && isSecretMember(key, member)) return true
    return typeof member === 'object' && member !== null && hasSecretMember(member)
  })
}
