/** `/docs`: the OpenAPI document as one page that needs no script. */
import { type Html, html } from '@mogplex/kit/pages/html.ts'
import { renderPage } from '@mogplex/kit/pages/page.ts'
import { isObject, type Json, type JsonObject } from '@mogplex/proto/openapi/plain-schema.ts'
import { anchorOf, inCode, renderField, renderSchema } from './schema-view.ts'

interface Operation {
  method: string
  path: string
  tag: string
  own: JsonObject
}

/** `stylesheet` is the path of the page's own. */
export function renderApiPage(document: JsonObject, stylesheet: string): Html {
  const operations = operationsOf(document)
  const tags = listOf(document.tags).map(tag => ({
    name: text(tag.name),
    description: text(tag.description),
  }))
  const used = tags.filter(({ name }) => operations.some(operation => operation.tag === name))
  const body = html`<div class="api">
<nav aria-label="Contents"><ul>
${used.map(({ name }) => html`<li><a href="#${name}">${name}</a></li>`)}<li><a href="#objects">objects</a></li>
</ul></nav>
<div>
<h1>API</h1>
<p class="lead">Programs send a personal access token, made at <a href="/settings/api-keys">access tokens</a>, as <code>Authorization: Bearer mog_…</code>. ${text(objectOf(document.info).description)} The same for machines: <a href="/openapi.json">openapi.json</a>.</p>
<p class="server"><code>${text(listOf(document.servers)[0]?.url)}</code></p>
${used.map(
  ({
    name,
    description,
  }) => html`<section aria-labelledby="${name}"><h2 id="${name}">${name}</h2><p class="lead">${description}</p>
${operations.filter(({ tag }) => tag === name).map(renderOperation)}</section>
`,
)}${renderObjects(objectOf(objectOf(document.components).schemas))}</div></div>`
  return renderPage({ title: 'API', width: 'wide', stylesheets: [stylesheet], body })
}

function operationsOf(document: JsonObject): Operation[] {
  return Object.entries(objectOf(document.paths)).flatMap(([path, methods]) =>
    Object.entries(objectOf(methods)).map(([method, own]) => {
      const operation = objectOf(own)
      const [tag] = Array.isArray(operation.tags) ? operation.tags : []
      return { method: method.toUpperCase(), path, tag: text(tag), own: operation }
    }),
  )
}

function renderOperation({ method, path, own }: Operation): Html {
  return html`<details class="operation" id="${text(own.operationId)}">
<summary><span class="method ${method.toLowerCase()}">${method}</span> <code>${path}</code> <span class="what">${text(own.summary)}</span></summary>
<div class="inside">
${typeof own.description === 'string' && html`<p>${inCode(own.description)}</p>`}
<p class="hint">${callersOf(own)}</p>
${renderParameters(listOf(own.parameters))}
${renderBody(objectOf(own.requestBody))}
${Object.entries(objectOf(own.responses)).map(([status, answer]) => renderAnswer(status, objectOf(answer)))}
</div></details>
`
}

const WAYS: Record<string, string> = {
  token: 'a token',
  session: 'a session of a browser',
  cron: 'the secret of the scheduler',
}

function callersOf(own: JsonObject): string {
  const schemes = listOf(own.security).map(way => Object.keys(way)[0])
  const ways = schemes.flatMap(scheme => (scheme ? [WAYS[scheme] ?? scheme] : []))
  if (ways.length === 0) return 'Needs no credential.'
  const needs = schemes.includes(undefined) ? 'Also without a credential; takes' : 'Needs'
  const scope = typeof own['x-scope'] === 'string' ? ` A token needs the ${own['x-scope']} scope.` : ''
  return `${needs} ${ways.join(' or ')}.${scope}`
}

function renderParameters(parameters: JsonObject[]): Html | false {
  if (parameters.length === 0) return false
  const rows = parameters.map(({ name, required, schema, description }) =>
    renderField({
      name: text(name),
      isRequired: required === true,
      schema: { ...objectOf(schema), ...(description === undefined ? {} : { description }) },
    }),
  )
  return html`<h3>Parameters</h3><div class="table"><table>
<thead><tr><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">Meaning</th></tr></thead>
<tbody>${rows}</tbody></table></div>`
}

function renderBody({ content, required }: JsonObject): Html | false {
  if (content === undefined) return false
  const { schema } = objectOf(objectOf(content)['application/json'])
  return html`<h3>Body${required !== true && ' (optional)'}</h3>${renderSchema(objectOf(schema))}`
}

/** What goes well is shown in full; errors all look alike. */
function renderAnswer(status: string, { description, content }: JsonObject): Html {
  const kinds = Object.entries(objectOf(content))
  if (status >= '400') return html`<p class="error"><strong>${status}</strong> ${text(description)}</p>`
  return html`<h3>${status} <span class="note">${text(description)}</span></h3>${kinds.map(
    ([kind, media]) => {
      const schema = objectOf(objectOf(media).schema)
      const isJson = kind === 'application/json'
      return html`${!isJson && html`<p>As <code>${kind}</code>: ${text(schema.description)}</p>`}${renderSchema(
        isJson ? schema : objectOf(schema.contentSchema),
      )}`
    },
  )}`
}

function renderObjects(schemas: JsonObject): Html {
  const names = Object.keys(schemas).toSorted()
  return html`<section aria-labelledby="objects"><h2 id="objects">objects</h2>
${names.map(name => {
  const schema = objectOf(schemas[name])
  return html`<article class="object" id="${anchorOf(name)}"><h3>${name}</h3>${
    schema.properties !== undefined &&
    typeof schema.description === 'string' &&
    html`<p>${inCode(schema.description)}</p>`
  }${renderSchema(schema)}</article>
`
})}</section>`
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function listOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
