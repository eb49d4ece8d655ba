import { expect, test } from 'bun:test'
import { ROUTES } from '@mogplex/proto/routes.ts'
import fc from 'fast-check'
import { createMatcher, type MatchableRow } from './match.ts'

const row = (method: string, path: string): MatchableRow => ({ method, path })
const match = createMatcher([
  row('GET', '/api/flows'),
  row('POST', '/api/flows'),
  row('GET', '/api/flows/:id'),
  row('GET', '/api/flows/templates'),
  row('DELETE', '/api/flows/templates/:id'),
  row('GET', '/api/flows/:id/runs'),
  row('POST', '/api/jobs/process'),
])
const patternOf = (path: string) => match(path.slice(1).split('/'))?.pattern ?? null

test.each([
  ['/api/flows', '/api/flows'],
  ['/api/flows/x', '/api/flows/:id'],
  ['/api/flows/templates', '/api/flows/templates'],
  ['/api/flows/templates/x', '/api/flows/templates/:id'],
  ['/api/flows/templates/runs', '/api/flows/templates/:id'],
  ['/api/flows/x/runs', '/api/flows/:id/runs'],
  ['/api/flows/x/other', null],
  ['/api/flowsfoo', null],
  ['/api/Flows', null],
  ['/api/jobs/process/retry', null],
  ['/api/jobs/process-extra', null],
  ['/api/jobs', null],
  ['/api', null],
  ['/', null],
  ['/__proto__', null],
])('%s is covered by %s', (path, pattern) => {
  expect(patternOf(path)).toBe(pattern)
})

test('HEAD is answered by the GET row, and Allow names it', () => {
  const target = match(['api', 'flows'])
  expect(target?.rows.get('HEAD')).toBe(target?.rows.get('GET'))
  expect(target?.allow).toBe('GET, HEAD, POST')
  expect(match(['api', 'jobs', 'process'])?.allow).toBe('POST')
})

test('the tree finds what comparing every pattern of the real table finds', () => {
  const matchReal = createMatcher(ROUTES)
  const patterns = [...new Set(ROUTES.map(route => route.path))].map(path => path.slice(1).split('/'))
  const words = [...new Set(patterns.flat()), 'x', 'repos2']
  const byHand = (segments: string[]) =>
    patterns
      .filter(pattern => pattern.length === segments.length)
      .filter(pattern => pattern.every((part, i) => part.startsWith(':') || part === segments[i]))
      .toSorted((a, b) => literalsFirst(a, b))[0]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 6 }), segments => {
      expect(matchReal(segments)?.pattern).toBe(byHand(segments) && `/${byHand(segments)?.join('/')}`)
    }),
    { numRuns: 3_000 },
  )
})

function literalsFirst(a: string[], b: string[]): number {
  const at = a.findIndex((part, i) => part.startsWith(':') !== b[i]?.startsWith(':'))
  return at < 0 ? 0 : a[at]?.startsWith(':') ? 1 : -1
}
