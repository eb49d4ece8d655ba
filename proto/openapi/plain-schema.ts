/** From TypeBox to the JSON Schema people read: `null` in `type`, lists of words as `enum`, names by reference. */
import type { TSchema } from '@sinclair/typebox'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

/** Collects the schemas that have a `title`, which becomes their name. */
export function createSchemaWriter(named: JsonObject) {
  const write = (schema: JsonObject): JsonObject => {
    const { title, ...rest } = schema
    if (typeof title !== 'string') return writeMembers(schema)
    const written = writeMembers(rest)
    const known = named[title]
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(written))
      throw new Error(`two schemas are called ${title}`)
    named[title] = written
    return { $ref: `#/components/schemas/${title}` }
  }
  const writeMembers = (schema: JsonObject): JsonObject => {
    const { anyOf, patternProperties, ...rest } = schema
    if (isObject(patternProperties)) {
      const [values = {}] = Object.values(patternProperties)
      return { ...writeMembers(rest), additionalProperties: isObject(values) ? write(values) : values }
    }
    if (Array.isArray(anyOf)) return { ...writeUnion(anyOf.filter(isObject)), ...rest }
    const written: JsonObject = { ...rest }
    if (isObject(rest.properties)) written.properties = mapValues(rest.properties, write)
    if (isObject(rest.items)) written.items = write(rest.items)
    return written
  }
  const writeUnion = (members: JsonObject[]): JsonObject => {
    const words = members.map(member => member.const)
    if (words.every(word => typeof word === 'string')) return { type: 'string', enum: words }
    const others = members.filter(member => member.type !== 'null')
    const [only] = others
    if (!only || others.length > 1 || others.length === members.length) return { anyOf: members.map(write) }
    const written = write(only)
    return typeof written.type === 'string' && written.const === undefined && written.enum === undefined
      ? { ...written, type: [written.type, 'null'] }
      : { anyOf: [written, { type: 'null' }] }
  }
  /** The symbols by which TypeBox knows its kinds are no JSON. */
  return (schema: TSchema): JsonObject => write(JSON.parse(JSON.stringify(schema)))
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mapValues(object: JsonObject, change: (value: JsonObject) => Json): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, isObject(value) ? change(value) : value]),
  )
}
