/**
 * Tells a text that looks drawn at random, as tokens and keys are, from one that somebody wrote: words, numbers,
 * addresses, versions. It weighs which letters and digits stand side by side. Never certain, so it leans to "random":
 * a word that is hidden is a nuisance, a key that is shown is a leak.
 */

/** Per first letter the letters that follow it in words: nearly each pair is more than 1 in 2,500 of all pairs in English. */
const FOLLOWERS: Record<string, string> = {
  a: 'abcdfghiklmnprstuvwxy',
  b: 'abceijlorsuy',
  c: 'acdehiklmoprstuy',
  d: 'abcdefgilmoprstuy',
  e: 'abcdefghiklmnopqrstuvwxy',
  f: 'adefilorstu',
  g: 'aeghilnorstu',
  h: 'aeilorstu',
  i: 'abcdefgklmnoprstvxz',
  j: 'aeo',
  k: 'aeilosuy',
  l: 'abcdefilmnoprstuy',
  m: 'abdeilmopstuy',
  n: 'abcdefgiklmnoprstuvy',
  o: 'abcdefgiklmnoprstuvwx',
  p: 'acdefhiloprstuy',
  q: 'u',
  r: 'abcdefgiklmnoprstuvy',
  s: 'acdefghiklmnopqrstuvwy',
  t: 'abcdefhilmnoprstuwy',
  u: 'abcdefgilmnoprst',
  v: 'aeios',
  w: 'aehinors',
  x: 'ceipt',
  y: 'aelmnopst',
  z: 'aei',
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/i
/** A JSON object in base64, as every JWT begins. */
const ENCODED_JSON = /eyJ[A-Za-z0-9_-]{8}/
const LONG_HEX = /[0-9A-Fa-f]{16,}/g
/** A lower-case word of so many letters may be followed by a capital, as in camelCase. */
const SHORTEST_WORD = 3
/** What a run of letters and digits needs by itself to be told from a word. */
const SHORTEST_RUN = 8
/** So many neighbours make a text of short runs (`X7K2-9QPL-4RTM`) long enough to judge. */
const ENOUGH_PAIRS = 12
/** How much a pair of neighbours speaks for chance, about as the logarithm of how much more often chance brings it. */
const WEIGHTS = {
  commonLetters: -0.6,
  rareLetters: 3,
  letterAndDigit: 1.5,
  capitalBehindWord: 0.4,
  capitalBehindLetter: 1.5,
  /** Beside what the letters themselves weigh, where not all letters are capitals. */
  capitals: 1.2,
}
/**
 * From here on it was chance. Of 24 random bytes in base64 none in 20,000 stays below, of the words found in the
 * documents of a Linux system one in 200 does not, most of them from no language.
 */
const RANDOM_WEIGHT = 6
/** The same for many short runs together, since abbreviations (`jvm`, `openjdk`) add up in a path. */
const RANDOM_WEIGHT_PER_PAIR = 0.8

/** Whether `text`, or a part of it between signs of punctuation, looks drawn at random. Takes time linear in its length. */
export function looksRandom(text: string): boolean {
  if (UUID.test(text) || ENCODED_JSON.test(text) || hasLongHex(text)) return true
  let pairs = 0
  let weight = 0
  for (const run of text.match(/[A-Za-z0-9]+/g) ?? []) {
    const ofRun = weightOf(run)
    if (run.length >= SHORTEST_RUN && ofRun >= RANDOM_WEIGHT) return true
    pairs += run.length - 1
    weight += ofRun
  }
  return pairs >= ENOUGH_PAIRS && weight >= pairs * RANDOM_WEIGHT_PER_PAIR
}

/** Digits alone are a number, and so they are with a single `e`. */
function hasLongHex(text: string): boolean {
  return (text.match(LONG_HEX) ?? []).some(run => /[a-f][0-9]*[a-f]/i.test(run) && /[0-9]/.test(run))
}

function weightOf(run: string): number {
  const isMixed = /[a-z]/.test(run) && /[A-Z]/.test(run)
  let weight = 0
  let wordLength = 1
  for (let index = 1; index < run.length; index += 1) {
    const before = run.charAt(index - 1)
    const here = run.charAt(index)
    if (isDigit(before) && isDigit(here)) {
      wordLength += 1
    } else if (isDigit(before) || isDigit(here)) {
      weight += WEIGHTS.letterAndDigit
      wordLength = 1
    } else if (!isCapital(before) && isCapital(here)) {
      weight += wordLength < SHORTEST_WORD ? WEIGHTS.capitalBehindLetter : WEIGHTS.capitalBehindWord
      wordLength = 1
    } else {
      weight += weightOfLetters(before.toLowerCase(), here.toLowerCase())
      if (isMixed && isCapital(before) && isCapital(here)) weight += WEIGHTS.capitals
      wordLength += 1
    }
  }
  return weight
}

function weightOfLetters(first: string, second: string): number {
  if (first === second) return 0
  return FOLLOWERS[first]?.includes(second) ? WEIGHTS.commonLetters : WEIGHTS.rareLetters
}

function isCapital(letter: string): boolean {
  return letter >= 'A' && letter <= 'Z'
}

function isDigit(letter: string): boolean {
  return letter <= '9'
}
