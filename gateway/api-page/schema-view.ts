/** A schema as people read it: a table of fields, with a link for every named object. */
import { type Html, html } from '@mogplex/kit/pages/html.ts'
import { isObject, type Json, type JsonObject } from '@mogplex/proto/openapi/plain-schema.ts'

interface Field {
  name: string
  isRequired: boolean
  schema: JsonObject
}

/** What `schema` holds; of a plain value its kind and limits. */
export function renderSchema(schema: JsonObject): Html {
  const fields = fieldsOf(schema, '')
  if (fields.length === 0) return html`<p>${renderType(schema)} ${renderNotes(schema)}</p>`
  return html`<div class="table"><table>
<thead><tr><th scope="col">Field</th><th scope="col">Kind</th><th scope="col">Meaning</th></tr></thead>
<tbody>${fields.map(renderField)}</tbody></table></div>`
}

/** A row for each parameter or field. */
export function renderField({ name, isRequired, schema }: Field): Html {
  return html`<tr><th scope="row"><code>${name}</code>${!isRequired && html`<span class="note">optional</span>`}</th>
<td>${renderType(schema)}</td><td>${renderNotes(schema)}</td></tr>`
}

/** Objects that have no name of their own are opened in place: `branch.base`, `keys[].id`. */
function fieldsOf(schema: JsonObject, prefix: string): Field[] {
  const required = Array.isArray(schema.required) ? schema.required : []
  return entriesOf(schema.properties).flatMap(([name, member]) => {
    const field = { name: prefix + name, isRequired: required.includes(name), schema: member }
    const items = isObject(member.items) ? member.items : {}
    return [field, ...fieldsOf(member, `${prefix}${name}.`), ...fieldsOf(items, `${prefix}${name}[].`)]
  })
}

function renderType(schema: JsonObject): Html {
  const { $ref, type, anyOf, items, format, const: only } = schema
  if (typeof $ref === 'string') return linkTo($ref)
  if (Array.isArray(anyOf)) {
    const members = anyOf.filter(isObject).map(renderType)
    return html`${members.map((member, index) => [index > 0 && ' or ', member])}`
  }
  if (only !== undefined) return html`<code>${JSON.stringify(only)}</code>`
  if (isObject(items)) return html`list of ${renderType(items)}`
  const types = (Array.isArray(type) ? type : [type ?? 'anything']).map(String)
  return html`${types.join(' or ')}${typeof format === 'string' && html` <span class="note">${format}</span>`}`
}

function linkTo(reference: string): Html {
  const name = reference.split('/').at(-1) ?? ''
  return html`<a href="#${anchorOf(name)}">${name}</a>`
}

/** Where the page shows the named object. */
export function anchorOf(name: string): string {
  return `object-${name}`
}

const LIMITS: Record<string, (limit: string) => string> = {
  minimum: limit => `at least ${limit}`,
  maximum: limit => `at most ${limit}`,
  minLength: limit => `at least ${limit} characters`,
  maxLength: limit => `at most ${limit} characters`,
  minItems: limit => `at least ${limit} entries`,
  maxItems: limit => `at most ${limit} entries`,
  default: limit => `${limit} if left out`,
}

function renderNotes(schema: JsonObject): Html {
  const limits = Object.entries(LIMITS).flatMap(([key, tell]) => {
    const value = schema[key]
    return value === undefined
      ? []
      : [tell(typeof value === 'number' ? value.toLocaleString('en') : String(value))]
  })
  const words = Array.isArray(schema.enum) ? schema.enum.map(String) : []
  const [example] = Array.isArray(schema.examples) ? schema.examples : []
  return html`${typeof schema.description === 'string' && html`${inCode(schema.description)} `}${
    words.length > 0 &&
    html`One of ${words.map((word, index) => [index > 0 && ', ', html`<code>${word}</code>`])}. `
  }${limits.length > 0 && html`<span class="note">${limits.join('; ')}</span>`}${
    example !== undefined &&
    html`<span class="note">for example <code>${JSON.stringify(example)}</code></span>`
  }`
}

/** What stands between backticks is code. */
export function inCode(text: string): Html {
  return html`${text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}

function entriesOf(value: Json | undefined): [string, JsonObject][] {
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, member]) => (isObject(member) ? [[key, member]] : []))
}
