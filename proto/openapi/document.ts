/** The API as an OpenAPI 3.1 document, made of the route table and the descriptions on the wire. */
import type { TObject } from '@sinclair/typebox'
import type { Route } from '../routes.ts'
import { type Answer, type RouteDescription, TAGS } from '../wire/describe.ts'
import { descriptionOf, isDescribed } from '../wire/descriptions.ts'
import { errorSchema, errorsOf } from './errors.ts'
import { createSchemaWriter, type JsonObject } from './plain-schema.ts'

type Write = ReturnType<typeof createSchemaWriter>

const RATE_LIMIT_HEADERS = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset']
const headerRef = (name: string) => ({ $ref: `#/components/headers/${name}` })
const RATE_LIMITS = Object.fromEntries(RATE_LIMIT_HEADERS.map(name => [name, headerRef(name)]))

/** `origin` is where the instance is reached. Throws for a route without a description. */
export function describeApi(routes: readonly Route[], origin: string): JsonObject {
  const schemas: JsonObject = {}
  const write = createSchemaWriter(schemas)
  const paths: { [path: string]: JsonObject } = {}
  for (const route of routes.filter(isDescribed)) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    const operations = paths[path] ?? {}
    paths[path] = operations
    operations[route.method.toLowerCase()] = describeOperation(route, descriptionOf(route), write)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Mogplex API',
      version: '1.0.0',
      description:
        'Paths below /api/v1/mogplex are the versioned surface; objects in answers may gain members. Every answer carries x-request-id.',
    },
    servers: [{ url: origin }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas, headers: HEADERS, securitySchemes: securitySchemes(origin) },
  }
}

function describeOperation(route: Route, description: RouteDescription, write: Write): JsonObject {
  const { operationId, tag, summary, body, isBodyOptional } = description
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description.description ? { description: description.description } : {}),
    ...(route.scope ? { 'x-scope': route.scope } : {}),
    security: securityOf(route),
    parameters: parametersOf(route, description, write),
    ...(body
      ? {
          requestBody: {
            required: !isBodyOptional,
            content: { 'application/json': { schema: write(body) } },
          },
        }
      : {}),
    responses: responsesOf(route, description, write),
  }
}

/** In any of these ways; an empty one means nobody has to be signed in. */
function securityOf({ access, scope }: Route): JsonObject[] {
  const token = { token: scope === null ? [] : [scope] }
  switch (access) {
    case 'pat':
      return [token]
    case 'generic':
      return [token, { session: [] }]
    case 'optional':
      return [{}, token, { session: [] }]
    case 'session':
      return [{ session: [] }]
    case 'cron':
      return [{ cron: [] }]
    default:
      return []
  }
}

function parametersOf({ path }: Route, { query, headers }: RouteDescription, write: Write): JsonObject[] {
  const ids = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    description: 'What is no UUID is answered 404.',
    schema: { type: 'string' },
  }))
  return [...ids, ...parametersIn('query', query, write), ...parametersIn('header', headers, write)]
}

function parametersIn(place: 'query' | 'header', schema: TObject | undefined, write: Write): JsonObject[] {
  if (!schema) return []
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties).map(([name, property]) => {
    const { description, ...written } = write(property)
    return {
      ...{ name, in: place, required: required.has(name) },
      ...(description === undefined ? {} : { description }),
      schema: written,
    }
  })
}

function responsesOf(route: Route, description: RouteDescription, write: Write): JsonObject {
  const error = write(errorSchema(route.path))
  const fine = Object.entries(description.answers).map(([status, answer]) => [
    status,
    describeAnswer(answer, write),
  ])
  const wrong = [...errorsOf(route, description)].map(([status, meaning]) => [
    status,
    {
      description: meaning,
      headers: errorHeaders(status),
      content: { 'application/json': { schema: error } },
    },
  ])
  return Object.fromEntries([...fine, ...wrong])
}

function describeAnswer({ description, json, event }: Answer, write: Write): JsonObject {
  const content: JsonObject = {}
  if (json) content['application/json'] = { schema: write(json) }
  if (event) {
    const note = 'One event a message: its id, its type, and as data this object.'
    content['text/event-stream'] = {
      schema: { type: 'string', description: note, contentSchema: write(event) },
    }
  }
  const headers = { 'x-request-id': headerRef('RequestId'), ...RATE_LIMITS }
  return { description, headers, ...(Object.keys(content).length > 0 ? { content } : {}) }
}

function errorHeaders(status: number): JsonObject {
  return {
    'x-request-id': headerRef('RequestId'),
    ...(status === 401 ? { 'WWW-Authenticate': headerRef('Challenge') } : {}),
    ...(status === 429 || status === 503 ? { 'Retry-After': headerRef('RetryAfter') } : {}),
  }
}

const whole = (description: string) => ({ description, schema: { type: 'integer', minimum: 0 } })

const HEADERS = {
  RequestId: {
    description: 'Yours if it is acceptable, else a new one; quote it when you report a fault.',
    required: true,
    schema: { type: 'string', pattern: '^[A-Za-z0-9._-]{8,128}$' },
  },
  RetryAfter: {
    description: 'Whole seconds to wait.',
    required: true,
    schema: { type: 'integer', minimum: 1 },
  },
  Challenge: {
    description: 'Bearer challenge.',
    required: true,
    schema: { type: 'string', pattern: '^Bearer ' },
  },
  'RateLimit-Limit': whole('Requests of the window. Absent where nothing is limited.'),
  'RateLimit-Remaining': whole('How many are left.'),
  'RateLimit-Reset': whole('Seconds until there are more.'),
}

function securitySchemes(origin: string) {
  return {
    token: {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'mog_ followed by 32 base62 characters',
      description: 'A personal access token, made at /settings/api-keys, with the scope the operation names.',
    },
    session: {
      type: 'apiKey',
      in: 'cookie',
      name: origin.startsWith('https:') ? '__Host-mogplex_session' : 'mogplex_session',
      description: 'The session of a browser. Changes need an Origin of this server.',
    },
    cron: { type: 'http', scheme: 'bearer', description: 'The secret the operator gave the scheduler.' },
  }
}
