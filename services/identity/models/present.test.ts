import { expect, test } from 'bun:test'
import type { Model } from '../database/schema.ts'
import { presentCliModel, presentModel, presentV1Model } from './present.ts'

const model = (change: Partial<Model> = {}): Model => ({
  ...{ id: 'acme/fast-1', provider: 'acme', name: 'Fast 1', contextLength: 128_000 },
  ...{ pricingInput: 0.000003, pricingOutput: 0.000015, capabilities: ['tool-use', 'vision'] },
  ...{ isAvailable: true, isHidden: false, hiddenBy: null, isRecommended: true },
  ...{ recommendationBucket: 'open', recommendationRank: 2, recommendationReason: 'quick' },
  ...{ recommendedAt: new Date('2026-01-02T03:04:05.678Z'), createdAt: new Date(), updatedAt: new Date() },
  ...change,
})

test('the web app gets every column but when the row was made', () => {
  const shown = {
    ...{ id: 'acme/fast-1', provider: 'acme', name: 'Fast 1', context_length: 128_000 },
    ...{ pricing_input: 0.000003, pricing_output: 0.000015, capabilities: ['tool-use', 'vision'] },
    ...{ is_available: true, is_hidden: false, is_recommended: true },
    ...{ recommendation_bucket: 'open' as const, recommendation_rank: 2, recommendation_reason: 'quick' },
    recommended_at: '2026-01-02T03:04:05.678Z',
  }
  expect(presentModel(model())).toEqual(shown)
  expect(presentModel(model(), false)).toEqual({ ...shown, is_enabled: false })
  expect(presentModel(model({ capabilities: null, recommendedAt: null }))).toMatchObject({
    capabilities: [],
    recommended_at: null,
  })
})

test('the versioned API keeps what is not known as null', () => {
  const unknown = { contextLength: null, pricingInput: null, pricingOutput: null, capabilities: null }
  expect(presentV1Model(model(unknown))).toEqual({
    ...{ id: 'acme/fast-1', provider: 'acme', name: 'Fast 1' },
    ...{ contextLength: null, capabilities: [], pricing: { input: null, output: null } },
  })
  expect(presentV1Model(model({ pricingOutput: 0 })).pricing).toEqual({ input: 0.000003, output: 0 })
})

test('the CLI gets prices per million and capabilities as switches', () => {
  expect(presentCliModel(model())).toEqual({
    ...{ slug: 'acme/fast-1', provider: 'acme', displayName: 'Fast 1', inputModalities: ['text', 'image'] },
    caps: { streaming: true, toolUse: true, reasoningEffort: false, parallelToolCalls: true },
    contextWindow: 128_000,
    pricing: { inputPerMillion: 3, outputPerMillion: 15, currency: 'USD' },
  })
})

test('what the CLI cannot know is absent', () => {
  const keysOf = (change: Partial<Model>) => Object.keys(presentCliModel(model(change)))
  expect(keysOf({ contextLength: null })).not.toContain('contextWindow')
  expect(keysOf({ pricingInput: null })).not.toContain('pricing')
  expect(keysOf({ pricingOutput: null })).not.toContain('pricing')
  expect(keysOf({ pricingInput: 0, pricingOutput: 0 })).toContain('pricing')
})

test('every spelling of a capability counts, whatever its case', () => {
  const capsOf = (...capabilities: string[]) => presentCliModel(model({ capabilities }))
  for (const tag of ['tool-use', 'tool_use', 'tools', 'function-calling', 'FUNCTION_CALLING'])
    expect([tag, capsOf(tag).caps.toolUse, capsOf(tag).caps.parallelToolCalls]).toEqual([tag, true, true])
  for (const tag of ['reasoning', 'Thinking'])
    expect([tag, capsOf(tag).caps.reasoningEffort, capsOf(tag).caps.toolUse]).toEqual([tag, true, false])
  for (const tag of ['vision', 'image', 'Image-Input', 'multimodal'])
    expect([tag, capsOf(tag).inputModalities]).toEqual([tag, ['text', 'image']])
  for (const tag of ['audio', 'audio-input', 'SPEECH'])
    expect([tag, capsOf(tag).inputModalities]).toEqual([tag, ['text', 'audio']])
  expect(capsOf('speech', 'vision', 'video').inputModalities).toEqual(['text', 'image', 'audio'])
  expect(presentCliModel(model({ capabilities: null })).inputModalities).toEqual(['text'])
})

test('prices per million are rounded to six decimals', () => {
  const rounded = (pricingInput: number) => presentCliModel(model({ pricingInput })).pricing?.inputPerMillion
  expect(rounded(0.0000001)).toBe(0.1)
  expect(rounded(1 / 3e6)).toBe(0.333333)
  expect(rounded(0.000_000_000_000_4)).toBe(0)
})
