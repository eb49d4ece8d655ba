/**
 * Cutting a text so that no secret survives at the edge. Text is cut before it is searched for secrets, for
 * searching all of it would take as long as whoever wrote it likes; so a margin behind the cut is searched too.
 */
import { JsonCondenser } from '../harnesses/condense-json.ts'
import { cutMargin, redactKnown, redactShapes } from './secret-texts.ts'

export interface CutText {
  text: string
  isCut: boolean
}

/** What a JSON text is made of, without its secrets. */
export type RedactStructure = (structure: object) => unknown

/** Behind a string that goes on though what follows was not read. Nobody outside can know it. */
const GOES_ON = `(goes on ${crypto.randomUUID()})`

/** Deeper values are not kept, so that every walk is bounded. */
export const MAX_DEPTH = 32

/**
 * The first `maxLength` characters of `text` at most, without `secrets` and what looks like one. A text that is
 * JSON, or the beginning of some, is redacted by its structure and written back.
 *
 * Whoever reads text piece by piece may stop `cutMargin` behind `maxLength`: from that length on it is taken for
 * one that goes on.
 */
export function redactAndCut(
  text: string,
  maxLength: number,
  { secrets, redactStructure }: { secrets: readonly string[]; redactStructure: RedactStructure },
): CutText {
  if (maxLength === 0) return { text: '', isCut: text !== '' }
  const margin = cutMargin(secrets)
  if (text.endsWith(GOES_ON)) {
    const read = text.slice(0, -GOES_ON.length)
    return redactAndCut(read, Math.max(0, Math.min(maxLength, read.length - margin)), {
      secrets,
      redactStructure,
    })
  }
  const goesOn = text.length >= maxLength + margin
  // Known secrets go first: one that is JSON itself would be taken to pieces below.
  const known = redactKnown(goesOn ? text.slice(0, maxLength + margin * marginsOf(text)) : text, secrets)
  const structure = goesOn ? beginningOfStructure(known) : parseStructure(known)
  if (structure) return cut(redactShapes(JSON.stringify(redactStructure(structure))), maxLength, goesOn)
  const redacted = redactShapes(known)
  if (!goesOn) return cut(redacted, maxLength, false)
  // Whatever began before the end of what was looked at and was not recognised is in its last characters.
  return cut(redacted, Math.min(maxLength, Math.max(0, redacted.length - margin)), true)
}

/** In JSON a character may be written as several. */
function marginsOf(text: string): number {
  return beginsStructure(text) ? 4 : 1
}

/** Whether a text may be the JSON of an object or array, or its beginning. */
export function beginsStructure(text: string): boolean {
  return /^\s*[[{]/.test(text)
}

/** The object or array `text` is the JSON of, else null: such texts are treated by their structure. */
export function parseStructure(text: string): object | null {
  if (!beginsStructure(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}

/** What a text that goes on is the beginning of; a string in which it breaks off ends with {@link GOES_ON}. */
function beginningOfStructure(text: string): object | null {
  if (!beginsStructure(text)) return null
  const whole = { maxTextLength: Infinity, maxDepth: MAX_DEPTH, maxMembers: Infinity, maxLength: Infinity }
  const condenser = new JsonCondenser(whole)
  condenser.write(text)
  return condenser.state() === 'broken' ? null : parseStructure(condenser.end(GOES_ON))
}

function cut(text: string, maxLength: number, isCut: boolean): CutText {
  return text.length <= maxLength ? { text, isCut } : { text: firstOf(text, maxLength), isCut: true }
}

/** The first characters; half a surrogate pair at the end would not be text. */
export function firstOf(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  const isHalf = length < text.length && last >= 0xd800 && last <= 0xdbff
  return text.slice(0, isHalf ? length - 1 : length)
}
