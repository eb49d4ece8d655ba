/**
 * Whether what the product answers and takes is what `proto/wire` says of the route. The suites that try
 * every route with everything ask it about each answer.
 */
import { firstFault } from '@mogplex/kit/validation.ts'
import { errorSchema, errorsOf } from '@mogplex/proto/openapi/errors.ts'
import type { Route } from '@mogplex/proto/routes.ts'
import { descriptionOf, isDescribed } from '@mogplex/proto/wire/descriptions.ts'
import { FormatRegistry, type TSchema } from '@sinclair/typebox'

FormatRegistry.Set('uuid', text => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text))
FormatRegistry.Set('date-time', text => !Number.isNaN(Date.parse(text)))

/** What is wrong with an answer, or null. Unknown fields of a good one are wrong too. */
export function answerFault(row: Route, response: Response, text: string): string | null {
  if (!isDescribed(row)) return null
  const { status } = response
  const told = (fault: string | null) => fault && `${row.method} ${row.path} ${status}: ${fault}`
  if (status >= 400 && !errorsOf(row, descriptionOf(row)).has(status))
    return told('this status is not described')
  if (status >= 400) return told(firstFault(errorSchema(row.path), JSON.parse(text)))
  if (row.redirectsToLogin && status === 302) return null
  const answer = descriptionOf(row).answers[status]
  if (!answer) return told('this status is not described')
  if (response.headers.get('content-type')?.startsWith('text/event-stream'))
    return told(answer.event ? streamFault(answer.event, text) : 'a stream is not described')
  if (answer.json) return told(jsonFault(answer.json, text))
  return told(text === '' ? null : 'no body is described')
}

/** What is wrong with a body that was accepted, or null: the description must not be stricter than the route. */
export function acceptedBodyFault(row: Route, text: string): string | null {
  const body = isDescribed(row) ? descriptionOf(row).body : undefined
  if (!body) return null
  const fault = firstFault(body, JSON.parse(text))
  return (
    fault && `${row.method} ${row.path} takes ${text.slice(0, 60)}, which is described as wrong: ${fault}`
  )
}

const strict = new WeakMap<TSchema, TSchema>()

function jsonFault(schema: TSchema, text: string): string | null {
  const known = strict.get(schema) ?? closed(schema)
  strict.set(schema, known)
  return firstFault(known, JSON.parse(text))
}

function streamFault(event: TSchema, text: string): string | null {
  const faults = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => jsonFault(event, data))
  return faults.find(fault => fault !== null) ?? null
}

/** The same without room for members nobody described. */
function closed(schema: TSchema): TSchema {
  const { properties, items, anyOf } = schema
  const copy = {
    ...schema,
    ...(properties && { properties: closedMembers(properties), additionalProperties: false }),
    ...(items && { items: closed(items) }),
    ...(anyOf && { anyOf: anyOf.map(closed) }),
  }
  return copy
}

function closedMembers(members: Record<string, TSchema>): Record<string, TSchema> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, closed(member)]))
}
