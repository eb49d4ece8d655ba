/** The API page's document: valid, whole, and as the versioned surface was promised. */
import { describe, expect, test } from 'bun:test'
import { describeApi } from '@mogplex/proto/openapi/document.ts'
import { isObject, type Json, type JsonObject } from '@mogplex/proto/openapi/plain-schema.ts'
import { ROUTES } from '@mogplex/proto/routes.ts'
import { DESCRIPTIONS, isDescribed } from '@mogplex/proto/wire/descriptions.ts'
import { Validator } from '@seriousme/openapi-schema-validator'
import { findDifferences, resolve } from './differences.ts'
import contract from './v1-contract.json'

const document = describeApi(ROUTES, 'https://mogplex.example')

/**
 * Where the product knowingly answers otherwise: a plain git remote has no installation (projects spec 2.3),
 * and an instance may enable the harness without a model (spec README, 27).
 */
const KNOWN = new Set([
  'GET /api/v1/mogplex/repos 200.data.repos[].installation_id type',
  ...['.data', '.data.run'].map(place => `${place}.harness enum`),
])

test('it is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(JSON.parse(JSON.stringify(document)))
  expect(result).toEqual({ valid: true })
})

test('every route of the API is described once, and nothing else is', () => {
  const routes = ROUTES.filter(isDescribed).map(({ method, path }) => `${method} ${path}`)
  expect(Object.keys(DESCRIPTIONS).toSorted()).toEqual(routes.toSorted())
  const ids = Object.values(DESCRIPTIONS).map(({ operationId }) => operationId)
  expect(ids.length).toBe(new Set(ids).size)
})

test('a route without a description does not go unnoticed', () => {
  const [route] = ROUTES.filter(isDescribed)
  if (!route) throw new Error('there are no routes')
  expect(() => describeApi([{ ...route, path: '/api/new' }], 'https://mogplex.example')).toThrow('/api/new')
})

describe('the versioned surface is as promised:', () => {
  const ours = ROUTES.filter(({ access }) => access === 'pat').map(
    ({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`,
  )
  test('the same operations', () => {
    expect(ours.toSorted()).toEqual(Object.keys(contract.operations).toSorted())
  })
  for (const [name, promised] of Object.entries(contract.operations)) {
    test(name, () => {
      const faults = differencesOf(name, promised as JsonObject)
      expect(faults.filter(fault => !isKnown(fault))).toEqual([])
    })
  }
})

function isKnown(fault: string): boolean {
  const [what = ''] = fault.split(':')
  return [...KNOWN].some(known => what.endsWith(known))
}

function at(...keys: string[]): JsonObject {
  const found = keys.reduce<Json | undefined>(
    (place, key) => (isObject(place) ? place[key] : undefined),
    document,
  )
  return resolve(document, isObject(found) ? found : {})
}

/** Optional fields of requests that the contract does not have (spec README, 45). */
const EXTRA_FIELDS = ['leftovers']

function withoutExtraFields(body: JsonObject): JsonObject {
  if (!isObject(body.properties)) return body
  const promised = Object.entries(body.properties).filter(([name]) => !EXTRA_FIELDS.includes(name))
  return { ...body, properties: Object.fromEntries(promised) }
}

function differencesOf(name: string, promised: JsonObject): string[] {
  const [method = '', path = ''] = name.split(' ')
  const operation = ['paths', path, method.toLowerCase()]
  const own = at(...operation)
  const faults = promised.scope === own['x-scope'] ? [] : [`${name} scope: ${own['x-scope']}`]
  for (const parameter of arrayOf(promised.parameters)) {
    const served = arrayOf(own.parameters).find(
      each => each.name === parameter.name && each.in === parameter.in,
    )
    if (served?.required !== parameter.required) faults.push(`${name} ${parameter.name} required`)
    faults.push(...compare(parameter.schema, served?.schema, 'request', `${name} ${parameter.name}`))
  }
  if (isObject(promised.body)) {
    const body = at(...operation, 'requestBody', 'content', 'application/json', 'schema')
    faults.push(...compare(promised.body, withoutExtraFields(body), 'request', `${name} body`))
  }
  for (const [status, schema] of Object.entries(isObject(promised.answers) ? promised.answers : {})) {
    const served = at(...operation, 'responses', status, 'content', 'application/json', 'schema')
    faults.push(...compare(schema, served, 'answer', `${name} ${status}`))
  }
  for (const status of Array.isArray(promised.errors) ? promised.errors : []) {
    const served = at(...operation, 'responses', `${status}`, 'content', 'application/json', 'schema')
    faults.push(...compare(contract.error, served, 'answer', `${name} ${status}`))
  }
  return faults
}

function compare(
  promised: Json | undefined,
  served: Json | undefined,
  direction: 'answer' | 'request',
  place: string,
): string[] {
  if (!isObject(promised) || !isObject(served)) return [`${place} is missing`]
  return findDifferences(document, promised, served, direction, place)
}

function arrayOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}
