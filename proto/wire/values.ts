/** Values that many answers hold. Schemas with a `title` become named ones of the API page. */
import { type SchemaOptions, type TSchema, Type } from '@sinclair/typebox'

export const Uuid = Type.String({ format: 'uuid' })
export const Instant = Type.String({
  title: 'Timestamp',
  format: 'date-time',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$',
})
export const Done = Type.Object({ ok: Type.Literal(true) }, { title: 'Done' })

/** Sent as null rather than left out. */
export function nullable<Schema extends TSchema>(schema: Schema, options: SchemaOptions = {}) {
  return Type.Union([schema, Type.Null()], options)
}

export function oneOf<const Value extends string>(values: readonly Value[], options: SchemaOptions = {}) {
  return Type.Union(
    values.map(value => Type.Literal(value)),
    options,
  )
}

/** Of a body: a string, or null, which is as if it were left out. */
export function optionalText(options: SchemaOptions & { maxLength?: number } = {}) {
  const { maxLength, ...rest } = options
  return Type.Optional(nullable(Type.String(maxLength === undefined ? {} : { maxLength }), rest))
}

/** Of a body: no value is refused; `description` says what becomes of one that makes no sense. */
export function lenient(description: string, example: unknown) {
  return Type.Optional(Type.Unknown({ description, examples: [example] }))
}

export interface PageLimits {
  default: number
  max: number
}

/** Of most lists of the versioned surface (v1 contract 5). */
export const V1_PAGE: PageLimits = { default: 100, max: 200 }
/** Of the audit trail. */
export const AUDIT_PAGE: PageLimits = { default: 50, max: 200 }

/** A page size. It is read leniently and never refused (v1 contract 5). */
export function pageSize({ default: standard, max: maximum }: PageLimits) {
  return Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum,
      default: standard,
      description: `Clamped to 1–${maximum}; unreadable values mean ${standard}.`,
    }),
  )
}
