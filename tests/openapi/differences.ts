/** How a schema that is served differs from the one that was promised. */
import { isObject, type Json, type JsonObject } from '@mogplex/proto/openapi/plain-schema.ts'

export type Direction = 'answer' | 'request'

const LIMITS = [
  ...['format', 'pattern', 'minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems'],
  ...['default', 'const', 'additionalProperties'],
]

/** Follows `#/components/…`; keywords beside the reference stay. */
export function resolve(document: JsonObject, schema: JsonObject): JsonObject {
  const { $ref, ...beside } = schema
  if (typeof $ref !== 'string') return schema
  const target = $ref
    .slice(2)
    .split('/')
    .reduce<Json | undefined>((place, key) => (isObject(place) ? place[key] : undefined), document)
  if (!isObject(target)) throw new Error(`${$ref} leads nowhere`)
  return { ...resolve(document, target), ...beside }
}

/** One line for each difference. An answer may say more than was promised, a request must ask for the same. */
export function findDifferences(
  document: JsonObject,
  promised: JsonObject,
  served: JsonObject,
  direction: Direction,
  place: string,
): string[] {
  const actual = withoutNullUnion(document, resolve(document, served))
  const wanted = promised
  const faults: string[] = []
  const compare = (what: string, one: unknown, other: unknown) => {
    if (!Bun.deepEquals(one, other))
      faults.push(`${place} ${what}: promised ${JSON.stringify(one)}, is ${JSON.stringify(other)}`)
  }
  if (wanted.type !== undefined) compare('type', typesOf(wanted), typesOf(actual))
  if (wanted.enum !== undefined) compare('enum', sorted(wanted.enum), sorted(actual.enum))
  for (const limit of LIMITS)
    if (limit in wanted) compare(limit, normal(wanted[limit]), normal(actual[limit]))
  if (direction === 'request')
    for (const limit of LIMITS)
      if (!(limit in wanted) && limit in actual) compare(limit, undefined, actual[limit])
  compareRequired(wanted, actual, direction, compare)

  const members = isObject(actual.properties) ? actual.properties : {}
  for (const [name, member] of Object.entries(isObject(wanted.properties) ? wanted.properties : {})) {
    const own = members[name]
    if (!isObject(member)) continue
    if (isObject(own)) faults.push(...findDifferences(document, member, own, direction, `${place}.${name}`))
    else faults.push(`${place}.${name} is missing`)
  }
  if (direction === 'request' && isObject(wanted.properties)) {
    const promisedNames = Object.keys(wanted.properties).toSorted()
    compare('fields', promisedNames, Object.keys(members).toSorted())
  }
  if (isObject(wanted.items))
    faults.push(...findDifferences(document, wanted.items, objectOr(actual.items), direction, `${place}[]`))
  return faults
}

function compareRequired(
  wanted: JsonObject,
  actual: JsonObject,
  direction: Direction,
  compare: (what: string, one: unknown, other: unknown) => void,
): void {
  const promised = sorted(wanted.required)
  const own = sorted(actual.required)
  const relevant = direction === 'request' ? own : own.filter(name => promised.includes(name))
  compare('required', promised, relevant)
}

/** `anyOf [X, null]`, which is how a named schema may be null, as X that may be null. */
function withoutNullUnion(document: JsonObject, schema: JsonObject): JsonObject {
  const { anyOf, ...beside } = schema
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema
  const [member] = anyOf.filter(isObject).filter(each => each.type !== 'null')
  if (!member) return schema
  const resolved = resolve(document, member)
  return { ...resolved, ...beside, type: [...typesOf(resolved), 'null'] }
}

function typesOf({ type, const: only }: JsonObject): string[] {
  if (type === undefined) return only === undefined ? [] : [typeof only]
  return sorted(Array.isArray(type) ? type : [type])
}

function sorted(values: Json | undefined): string[] {
  return Array.isArray(values) ? values.map(String).toSorted() : []
}

/** An object that may hold anything is written in two ways. */
function normal(value: Json | undefined): Json | undefined {
  return isObject(value) && Object.keys(value).length === 0 ? true : value
}

function objectOr(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}
