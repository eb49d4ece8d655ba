/** What the specs say a field takes, written down once more and independently of the product. */
import { isStorable, type Value } from './values.ts'

/**
 * `accepted`: as good as no fault; `refused`: 400 with a message that names the field; `unknown`: well
 * formed, and 404 because it names nothing.
 */
export type Verdict = 'accepted' | 'refused' | 'unknown'

export interface Field {
  judge: (value: Value) => Verdict
  /** What a refusal says; by default the field's name. */
  says: RegExp | null
  codes: readonly string[]
}

interface Options {
  says?: RegExp
  codes?: readonly string[]
}

/** `takes` gets to see storable values only: all others are refused everywhere. */
export function field(takes: (value: unknown) => boolean | 'unknown', options: Options = {}): Field {
  return {
    judge: ({ value }) => {
      if (!isStorable(value)) return 'refused'
      const verdict = takes(value)
      return verdict === 'unknown' ? verdict : verdict ? 'accepted' : 'refused'
    },
    says: options.says ?? null,
    codes: options.codes ?? ['BAD_REQUEST'],
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isBlank = (value: unknown) => isText(value) && value.trim() === ''
const isAbsent = (value: unknown) => value === null || isBlank(value)
const lengthOf = (text: string) => [...text].length

/** A text of so many characters, blanks around it not counted. */
export const trimmed = (min: number, max: number, options?: Options) =>
  field(value => isText(value) && isWithin(lengthOf(value.trim()), min, max), options)

/** A text of so many characters as it is. */
export const exact = (min: number, max: number) =>
  field(value => isText(value) && isWithin(lengthOf(value), min, max))

/** A text no longer than this, trimmed; everything else means none. */
export const lenientText = (max: number) => field(value => !isText(value) || value.trim().length <= max)

/** A text no longer than this, or nothing. */
export const opaque = (max: number) =>
  field(value => value === null || (isText(value) && lengthOf(value.trim()) <= max))

/** Read as something sensible whatever it is. */
export const anything = field(() => true)

export const nothing = (options?: Options) => field(() => false, options)

export const oneOf = (values: readonly unknown[], options?: Options) =>
  field(value => values.includes(value), options)

/** Null or blank are as good as absent. */
export const optional = (takes: (text: string) => boolean | 'unknown', options?: Options) =>
  field(value => isAbsent(value) || (isText(value) && takes(value.trim())), options)

/** What git takes as a name in a commit, or nothing. */
export const commitName = field(value => {
  if (value === null || !isText(value)) return value === null
  const name = value.trim()
  return isWithin(lengthOf(name), 1, 200) && !/[\p{Cc}<>]/u.test(name) && /[^\s.,:;"'\\]/.test(name)
})

export const wholeNumber = (min: number, max: number) =>
  field(value => value === null || (Number.isInteger(value) && isWithin(Number(value), min, max)))

export const scopes = field(
  value =>
    value === null ||
    (Array.isArray(value) && value.length > 0 && value.every(each => each === 'read' || each === 'write')),
)

/** v1 contract 6. */
export function isBranch(name: string): boolean {
  if (!/^[A-Za-z0-9_./-]{1,200}$/.test(name) || name === 'HEAD') return false
  if (/^[-/]|[/.]$|\.\.|\/\//.test(name)) return false
  return name.split('/').every(segment => !segment.startsWith('.') && !segment.endsWith('.lock'))
}

/** v1 contract 6; projects spec 2.1. */
export function isDirectory(text: string): boolean {
  if (text.trim().length > 1_024 || /[\p{Cc}\\]/u.test(text.trim())) return false
  return !text.split('/').some(segment => segment !== '.' && /^(?:\.|%2e){1,2}$/i.test(segment.trim()))
}

/** Projects spec 2.5. */
export const environmentVariables = field(value => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return true
  return Object.keys(value).every(key => key.trim() === '' || /^[A-Za-z_][A-Za-z0-9_]*$/.test(key.trim()))
})

function isWithin(number: number, min: number, max: number): boolean {
  return number >= min && number <= max
}
