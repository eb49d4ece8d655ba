/**
 * Errors as they may stand in a log. Libraries write values into messages: parameters of a statement, rows that break
 * a constraint, the text that is no JSON, the URL with its password. None of that is needed to find a fault.
 */
import { ApiError } from './errors.ts'
import { cleanText } from './log-text.ts'

const MAX_CAUSES = 8
const MAX_QUERY_LENGTH = 500

/** Name, code, cleaned message, what of the database it concerns, where it was thrown, and the same of its causes. */
export function describeError(error: unknown, causes = MAX_CAUSES): Record<string, unknown> {
  if (!(error instanceof Error))
    return { message: typeof error === 'string' ? cleanText(error) : typeof error }
  const code = 'code' in error && /^[\w-]{1,64}$/.test(String(error.code)) ? { code: error.code } : {}
  const described = { name: error.name, message: messageOf(error), ...code, ...namesOf(error) }
  if (causes === 0) return described
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause, causes - 1) }
  const errors =
    error instanceof AggregateError
      ? { errors: error.errors.slice(0, MAX_CAUSES).map(each => describeError(each, causes - 1)) }
      : {}
  return { ...described, ...cause, ...errors, at: firstFrame(error) }
}

/** The message alone, cleaned, for a line that people read. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return cleanText(String(error))
  if ('query' in error && 'params' in error) return `Failed query: ${shapeOf(String(error.query))}`
  if ('severity' in error && 'code' in error) return databaseMessage(error.message, String(error.code))
  if (error instanceof ApiError) return cleanText(error.message)
  if (isOfValidation(error)) return 'the value is not valid'
  // A parser tells what it stumbled over, which may be anything.
  if (error instanceof SyntaxError) return withoutQuoted(cleanText(error.message))
  return cleanText(error.message)
}

/** Elysia's, whose message is the value it refuses. */
function isOfValidation(error: Error): boolean {
  return 'code' in error && (error.code === 'VALIDATION' || error.code === 'PARSE')
}

/** Statements of ours have parameters; a value that somebody wrote into one all the same goes. */
function shapeOf(query: string): string {
  const shape = query.replace(/'(?:[^']|'')*'/g, "'…'")
  return shape.length > MAX_QUERY_LENGTH ? `${shape.slice(0, MAX_QUERY_LENGTH)}…` : shape
}

/** Classes of Postgres' codes whose messages name tables, columns, constraints and files, and no values. */
const SAYS_NAMES = /^(?:08|0A|23|25|28|40|42|53|55|57|58)/
/** Whatever a function or a trigger raises, rows included. */
const RAISED = /^P0/

function databaseMessage(message: string, code: string): string {
  if (SAYS_NAMES.test(code)) return cleanText(message)
  return RAISED.test(code) ? 'raised in the database' : withoutQuoted(cleanText(message))
}

/** From the first quotation mark to the last: what is quoted may hold some itself. */
function withoutQuoted(message: string): string {
  return message.replace(/".*"/s, '"…"').replace(/'.*'/s, "'…'")
}

/** What a database error concerns. Its `detail`, `where` and `hint` hold values and are left out. */
const NAMES = ['schema_name', 'table_name', 'column_name', 'data_type_name', 'constraint_name', 'routine']

function namesOf(error: Error): Record<string, unknown> {
  const members = Object.entries(error).filter(([name, value]) => NAMES.includes(name) && value !== undefined)
  return Object.fromEntries(members.map(([name, value]) => [name, cleanText(String(value))]))
}

const FRAME = /^\s+at \S.*(?:\.[cm]?[jt]sx?|native|<anonymous>)/

function firstFrame(error: Error): string | undefined {
  return error.stack
    ?.replace(error.message, '')
    .split('\n')
    .find(line => FRAME.test(line))
    ?.trim()
}
