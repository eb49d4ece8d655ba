import { expect, test } from 'bun:test'
import { isTrustedOrigin } from './origin.ts'

const OWN = 'https://mogplex.example'
const trusted = new Set([OWN, 'http://localhost:3000'])

test.each<[string, Record<string, string>, boolean]>([
  ['GET', { origin: 'https://evil.test' }, true],
  ['HEAD', { origin: 'null' }, true],
  ['POST', { origin: OWN }, true],
  ['POST', { origin: 'http://localhost:3000' }, true],
  ['POST', { origin: 'http://localhost:3001' }, false],
  ['POST', { origin: 'http://mogplex.example' }, false],
  ['POST', { origin: 'https://mogplex.example.evil.test' }, false],
  ['POST', { origin: 'null' }, false],
  ['POST', { origin: '' }, false],
  ['POST', { origin: 'https://evil.test', referer: `${OWN}/x` }, false],
  ['POST', { referer: `${OWN}/settings?x=1` }, true],
  ['POST', { referer: `https://evil.test/?${OWN}` }, false],
  ['POST', { referer: 'not a url' }, false],
  ['POST', { referer: '' }, false],
  ['POST', { 'sec-fetch-site': 'same-origin' }, true],
  ['POST', { 'sec-fetch-site': 'none' }, true],
  ['POST', { 'sec-fetch-site': 'same-site' }, false],
  ['POST', { 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' }, false],
  ['PUT', {}, true],
  ['PATCH', {}, true],
  ['DELETE', {}, true],
  ['POST', {}, false],
  ['POST', { 'content-type': 'application/json; charset=utf-8' }, true],
  ['POST', { 'content-type': 'text/plain; application/json' }, false],
  ['POST', { 'content-type': 'application/x-www-form-urlencoded' }, false],
  ['POST', { 'x-requested-with': 'XMLHttpRequest' }, true],
])('%s with %j: %p', (method, headers, expected) => {
  expect(isTrustedOrigin(method, new Headers(headers), trusted)).toBe(expected)
})
