/** What looks like a credential inside a text (v1 contract 9, step 3). */

export const REDACTED = '[redacted]'

/**
 * Where a token may begin: not inside a word (`task-force` holds no `sk-` key), but behind an escape of
 * JSON (`\n`), of a URL (`%20`) or of a terminal colour, whose last letter would look like a word.
 */
const START = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\u001b\[[0-9;]*m))`

interface SecretText {
  /** What every match contains: found or not in a fraction of the time that `shape` takes. */
  hint?: RegExp
  shape: RegExp
  instead: string
}

/** A token of this prefix where one may begin, or anywhere once it is too long to be part of a word. */
function token(prefix: string, letters: string, shortest: number): SecretText {
  const shape = new RegExp(`${START}${prefix}[${letters}]{${shortest},}|${prefix}[${letters}]{20,}`, 'g')
  return { hint: new RegExp(prefix), shape, instead: REDACTED }
}

const SECRET_TEXTS: SecretText[] = [
  // Not a placeholder, whole or cut, so that redacting twice changes nothing.
  { shape: /Bearer\s+(?!(?:\.\.\.)?\[)[^\s"'`,;\\]+/gi, instead: `Bearer ${REDACTED}` },
  // Bounded, here and below: text made to be slow to search must not stop the service.
  { shape: /x-access-token:[^@\s]{1,2000}@/gi, instead: `x-access-token:${REDACTED}@` },
  token('gh[oprsu]_', 'A-Za-z0-9_', 1),
  { shape: /github_pat_[A-Za-z0-9_]+/g, instead: REDACTED },
  // A hyphenated word chain is long too; only a key has twenty letters without a hyphen.
  {
    hint: /sk-/,
    shape: new RegExp(
      `${START}sk-[A-Za-z0-9_-]{8,}|sk-(?=[A-Za-z0-9_-]{0,100}?[A-Za-z0-9]{20})[A-Za-z0-9_-]+`,
      'g',
    ),
    instead: REDACTED,
  },
  { shape: /sb_secret_[A-Za-z0-9_-]+/g, instead: REDACTED },
  token('mog_', 'A-Za-z0-9_', 1),
  token('mot_', 'A-Za-z0-9_-', 16),
  { shape: /xox[abprs]-[A-Za-z0-9-]+/g, instead: REDACTED },
  { shape: /AKIA[A-Z0-9]{16}/g, instead: REDACTED },
]

const MAX_PASSES = 20

/** Shorter values would redact ordinary words (runtime spec 4). */
const MIN_SECRET_LENGTH = 6
/** Lines of a secret that is a whole file; shorter ones (`}`, `-----`) are no secret by themselves. */
const MIN_SECRET_LINE_LENGTH = 16

/** A run passes the same list with each of thousands of events. */
const formsBySecrets = new WeakMap<readonly string[], string[]>()

/**
 * Every text a known secret may show up as: itself, as it stands inside JSON, and line by line, since output
 * is read by lines. The longest first: a secret may hold another one.
 */
function formsOf(secrets: readonly string[]): string[] {
  const known = formsBySecrets.get(secrets)
  if (known) return known
  const forms = secrets.flatMap(secret => {
    const lines = secret.includes('\n') ? secret.split('\n').map(line => line.trim()) : []
    return [
      secret,
      JSON.stringify(secret).slice(1, -1),
      ...lines.filter(line => line.length >= MIN_SECRET_LINE_LENGTH),
    ]
  })
  const sorted = [...new Set(forms)]
    .filter(form => form.length >= MIN_SECRET_LENGTH && !REDACTED.includes(form))
    .toSorted((a, b) => b.length - a.length)
  formsBySecrets.set(secrets, sorted)
  return sorted
}

/** No shape that is told by its end (`x-access-token:…@`) is longer. */
const LONGEST_SHAPE = 2_100

/**
 * How much of a text must be looked at beyond a cut, and dropped again afterwards: half a secret is not
 * recognised, so none may be kept that began before the cut and ended behind it.
 */
export function cutMargin(secrets: readonly string[]): number {
  return Math.max(LONGEST_SHAPE, formsOf(secrets)[0]?.length ?? 0)
}

/** `text` without the `secrets` in any of their forms; nothing else is looked for. A list is never changed. */
export function redactKnown(text: string, secrets: readonly string[]): string {
  return formsOf(secrets).reduce((result, form) => result.replaceAll(form, REDACTED), text)
}

/** `text` without anything that has the shape of a credential, and as Postgres can store it. */
export function redactShapes(text: string): string {
  let before: string
  // Postgres stores neither NUL nor half a surrogate pair.
  let result = text.replaceAll('\0', '\ufffd').toWellFormed()
  let passes = 0
  do {
    // No text needs as many; one that was made to need more is not worth the time.
    if (passes === MAX_PASSES) return REDACTED
    passes += 1
    before = result
    // Again where something went: what stood behind it may only now begin a word.
    result = SECRET_TEXTS.reduce(replaceIn, before)
  } while (result !== before)
  return result
}

function replaceIn(text: string, { hint, shape, instead }: SecretText): string {
  return hint?.test(text) === false ? text : text.replace(shape, instead)
}
