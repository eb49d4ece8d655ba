import { expect, test } from 'bun:test'
import { Type } from '@sinclair/typebox'
import { ApiError } from './errors.ts'
import { check, isUuid } from './validation.ts'

const Body = Type.Object({
  name: Type.String({ minLength: 1 }),
  scopes: Type.Array(Type.Object({ kind: Type.Literal('read') })),
  prompt: Type.Optional(Type.String({ maxLength: 3, errorMessage: 'Prompt is too long' })),
})

function faultOf(value: unknown): ApiError {
  try {
    check(Body, value)
  } catch (error) {
    if (error instanceof ApiError) return error
  }
  throw new Error('no fault')
}

test('400 names the field, nested ones by their path, and never the value', () => {
  const fault = faultOf({ name: 'x', scopes: [{ kind: 'sk-secret' }] })
  expect(fault.status).toBe(400)
  expect(fault.message).toStartWith('scopes[0].kind: ')
  expect(fault.message).not.toContain('sk-secret')
  expect(fault.details).toEqual({ field: 'scopes[0].kind' })
})

test('a schema can bring the wording the contract asks for', () => {
  expect(faultOf({ name: 'x', scopes: [], prompt: 'long' }).message).toBe('Prompt is too long')
})

test('a good value is returned as it is', () => {
  const value = { name: 'x', scopes: [], more: 1 }
  expect(check(Body, value)).toBe(value)
})

test('only UUIDs are UUIDs', () => {
  expect(isUuid('0d6f4c52-5a0e-4b1e-8d2a-3c1f9e77a001')).toBe(true)
  for (const other of [
    '',
    'x',
    '0d6f4c525a0e4b1e8d2a3c1f9e77a001',
    "0d6f4c52-5a0e-4b1e-8d2a-3c1f9e77a001'",
    7,
  ]) {
    expect(isUuid(other)).toBe(false)
  }
})
