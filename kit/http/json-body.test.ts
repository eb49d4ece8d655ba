import { expect, test } from 'bun:test'
import { ApiError } from '../errors.ts'
import { readJsonObject } from './json-body.ts'

const read = (body: string) => readJsonObject(new Request('http://x/', { method: 'POST', body }))

async function refusal(body: string): Promise<string> {
  const error = await read(body).catch((thrown: unknown) => thrown)
  if (!(error instanceof ApiError)) throw new Error('accepted')
  expect(error.status).toBe(400)
  return error.message
}

test('an object is read, whatever the content type', async () => {
  expect(await read('{"a":1}')).toEqual({ a: 1 })
})

test('400 for no body, invalid JSON, arrays, null and scalars', async () => {
  for (const body of ['', ' ', '{', '[]', 'null', '1', '"x"', 'undefined']) {
    expect(await refusal(body)).toBe('Invalid JSON body')
  }
})

test('400 for a NUL names where it is', async () => {
  expect(await refusal('{"name":"a\\u0000b"}')).toStartWith('name: ')
  expect(await refusal('{"a":{"b":["ok","\\u0000"]}}')).toStartWith('a.b[1]: ')
})

test('400 for nesting that would exhaust the stack', async () => {
  const depth = 100_000
  expect(await refusal(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)).toStartWith('Invalid JSON body')
})
