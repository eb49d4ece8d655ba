/** Checks plain data against a TypeBox schema; the first fault becomes a 400 that names the field. */
import type { Static, TSchema } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { badRequest } from './errors.ts'

type Compiled = ReturnType<typeof TypeCompiler.Compile<TSchema>>
const compiled = new WeakMap<TSchema, Compiled>()

function compile(schema: TSchema): Compiled {
  const known = compiled.get(schema)
  if (known) return known
  const fresh = TypeCompiler.Compile(schema)
  compiled.set(schema, fresh)
  return fresh
}

/** True when `value` has the shape of `schema`. */
export function matches<Schema extends TSchema>(schema: Schema, value: unknown): value is Static<Schema> {
  return compile(schema).Check(value)
}

/** `/a/0/b` → `a[0].b`, the way a caller would write it. */
function fieldName(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((segment, index) => (/^\d+$/.test(segment) ? `[${segment}]` : index === 0 ? segment : `.${segment}`))
    .join('')
}

/** The first fault of `value`, as `field: reason`, or null when there is none. Never echoes the value. */
export function firstFault(schema: TSchema, value: unknown): string | null {
  const fault = compile(schema).Errors(value).First()
  if (!fault) return null
  const name = fieldName(fault.path)
  const own = fault.schema.errorMessage
  if (typeof own === 'string') return own
  return name ? `${name}: ${lowerFirst(fault.message)}` : fault.message
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/**
 * Returns `value` typed by `schema`, or throws a 400 with `details.field` and a message naming the field. A
 * schema may carry `errorMessage` where the wording is part of the contract.
 *
 * @example
 * const { name } = check(Type.Object({ name: Type.String({ minLength: 1 }) }), await readJsonObject(request))
 */
export function check<Schema extends TSchema>(schema: Schema, value: unknown): Static<Schema> {
  if (matches(schema, value)) return value
  const fault = compile(schema).Errors(value).First()
  const field = fault ? fieldName(fault.path) : ''
  throw badRequest(firstFault(schema, value) ?? 'Invalid request', field ? { field } : undefined)
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** True for any UUID; a malformed id is treated like an unknown one, never sent to the database. */
export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value)
}
