import { expect, test } from 'bun:test'
import type { Model } from '../database/schema.ts'
import { shippedCatalogue } from './catalogue.ts'
import { chosenModel, inCatalogueOrder, isEnabled, isReachable, isUsable, type Provider } from './models.ts'
import { priceCandidates } from './price.ts'

const SEEN = new Date('2026-01-02T00:00:00Z')
const model = (change: Partial<Model>): Model => ({
  ...{ id: 'acme/fast-1', provider: 'acme', name: 'Fast 1', contextLength: null },
  ...{ pricingInput: null, pricingOutput: null, capabilities: null },
  ...{ isAvailable: true, isHidden: false, hiddenBy: null, isRecommended: false },
  ...{ recommendationBucket: null, recommendationRank: null, recommendationReason: null },
  ...{ recommendedAt: null, createdAt: null, updatedAt: null },
  ...change,
})
const chooser = (autoEnableNewModels: boolean, preference?: boolean) => ({
  defaultModel: null,
  autoEnableNewModels,
  modelsSeenAt: SEEN,
  preferences: new Map(preference === undefined ? [] : [['acme/fast-1', preference]]),
})
const NEW = new Date('2026-01-03T00:00:00Z')

test('an explicit choice wins over everything', () => {
  const gone = model({ isAvailable: false, createdAt: NEW })
  expect(isEnabled(gone, chooser(false, true))).toBe(true)
  expect(isEnabled(model({}), chooser(true, false))).toBe(false)
  expect(isUsable(gone, chooser(false, true))).toBe(false)
})

test('a new model is off for who wants new models off; one without a date is never new', () => {
  expect(isEnabled(model({ createdAt: NEW }), chooser(false))).toBe(false)
  expect(isEnabled(model({ createdAt: NEW }), chooser(true))).toBe(true)
  expect(isEnabled(model({ createdAt: SEEN }), chooser(false))).toBe(true)
  expect(isEnabled(model({ createdAt: null }), chooser(false))).toBe(true)
  expect(isEnabled(model({ isAvailable: false }), chooser(true))).toBe(false)
})

test('hidden and unavailable models are not usable', () => {
  expect(isUsable(model({}), chooser(true))).toBe(true)
  expect(isUsable(model({ isHidden: true }), chooser(true, true))).toBe(false)
})

test('which key reaches which model', () => {
  const reach = (id: string, ...keys: Provider[]) => isReachable(id, new Set(keys))
  expect(reach('openrouter/x/y', 'openrouter')).toBe(true)
  expect(reach('openrouter/x', 'ai_gateway', 'openai', 'anthropic')).toBe(false)
  expect(reach('acme/fast-1', 'ai_gateway')).toBe(true)
  expect(reach('acme/fast-1', 'openai', 'anthropic', 'openrouter')).toBe(false)
  expect(reach('openai/a', 'openai')).toBe(true)
  expect(reach('anthropic/a', 'anthropic')).toBe(true)
  expect(reach('openai/a', 'anthropic', 'openrouter')).toBe(false)
  expect(reach('openai/a')).toBe(false)
})

test('catalogue order is provider, name, id by code units', () => {
  const rows = [
    model({ id: '4', provider: 'b', name: 'A' }),
    model({ id: '3', provider: 'a', name: 'a' }),
    model({ id: '2', provider: 'a', name: 'Z' }),
    model({ id: '1b', provider: 'a', name: 'B' }),
    model({ id: '1a', provider: 'a', name: 'B' }),
    model({ id: '0', provider: 'B', name: 'x' }),
  ]
  expect(inCatalogueOrder(rows).map(({ id }) => id)).toEqual(['0', '1a', '1b', '2', '3', '4'])
})

test("the user's choice, then the operator's, if it is there", () => {
  const models = [model({ id: 'a/1' }), model({ id: 'a/2' })]
  expect(chosenModel(models, 'a/2', 'a/1')).toBe('a/2')
  expect(chosenModel(models, 'gone', 'a/1')).toBe('a/1')
  expect(chosenModel(models, null, 'gone')).toBeNull()
  expect(chosenModel([], 'a/1', undefined)).toBeNull()
})

test("a CLI's name for a model is tried as it is, by provider, and without its date", () => {
  expect(priceCandidates('openai/gpt-5.5')).toEqual(['openai/gpt-5.5'])
  expect(priceCandidates('gpt-5.1-codex')).toEqual([
    'gpt-5.1-codex',
    'openai/gpt-5.1-codex',
    'anthropic/gpt-5.1-codex',
  ])
  for (const dated of ['claude-sonnet-4-5-20250929', 'claude-sonnet-4-5-2025-09-29'])
    expect(priceCandidates(dated)).toEqual([
      ...[dated, `openai/${dated}`, `anthropic/${dated}`],
      ...['claude-sonnet-4-5', 'openai/claude-sonnet-4-5', 'anthropic/claude-sonnet-4-5'],
    ])
  expect(priceCandidates('anthropic/claude-x-20250929')).toEqual([
    'anthropic/claude-x-20250929',
    'anthropic/claude-x',
  ])
})

test('the shipped catalogue is well-formed: unique ids under their provider, both prices or none', () => {
  const rows = shippedCatalogue()
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
  for (const { id, provider, pricingInput, pricingOutput } of rows) {
    expect(id).toStartWith(`${provider}/`)
    expect([id, pricingInput === null]).toEqual([id, pricingOutput === null])
    // Per token: a price per million would be a million times too high.
    expect(pricingOutput ?? 0).toBeLessThan(0.001)
  }
})
