import { describe, expect, test } from 'bun:test'
import { vetTarget } from './target.ts'

describe('below the base', () => {
  test.each([
    ['POST', '/v1/messages'],
    ['POST', '/v1/messages/count_tokens?beta=true'],
    ['GET', '/v1/models/openai%2Fgpt-5.5'],
    ['GET', '/v1/files/..a/b../...'],
    ['HEAD', '/v1'],
    ['GET', '/v1/x?next=/../../y'],
  ])('%s %s passes as it is', (method, path) => {
    expect(vetTarget(method, path, '/v1')).toEqual({ path })
  })
})

describe('everything else', () => {
  test.each([
    ['GET', '/', 403],
    ['GET', '/v2/messages', 403],
    ['GET', '/v1beta/models', 403],
    ['GET', '//v1/models', 403],
    ['GET', '/V1/models', 403],
    ['GET', '/v1/../admin', 403],
    ['GET', '/v1/..', 403],
    ['GET', '/v1/./x', 403],
    ['GET', '/v1/%2e%2e/admin', 403],
    ['GET', '/v1/%2E./admin', 403],
    ['GET', '/v1/..%2fadmin', 403],
    ['GET', '/v1/..%5cadmin', 403],
    ['GET', '/v1/%252e%252e/admin', 403],
    ['GET', '/v1/%25252525252e%25252525252e/admin', 403],
    ['GET', '/v1/..;/admin', 403],
    ['GET', '/v1\\..\\admin', 400],
    ['GET', '/v1/x#/../y', 400],
    ['GET', 'http://attacker.test/v1/x', 400],
    ['GET', 'v1/x', 400],
    ['GET', '*', 400],
    ['GET', '/v1/ü', 400],
    ['GET', '', 400],
    ['TRACE', '/v1/x', 405],
    ['CONNECT', 'attacker.test:443', 405],
    ['PUT', '/v1/x', 405],
    ['get', '/v1/x', 405],
  ] as const)('%s %s is refused', (method, path, status) => {
    expect(vetTarget(method, path, '/v1')).toMatchObject({ status, refusal: expect.any(String) })
  })

  test('a base without a path has no end, but cannot be climbed out of either', () => {
    expect(vetTarget('GET', '/anything', '')).toEqual({ path: '/anything' })
    expect(vetTarget('GET', '/a/../b', '')).toMatchObject({ status: 403 })
  })
})
