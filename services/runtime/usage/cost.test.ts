import { describe, expect, test } from 'bun:test'
import type { HarnessUsage } from '../harnesses/harness.ts'
import { noUsage } from '../harnesses/token-sums.ts'
import { costOf, type TokenPrice, totalTokensOf } from './cost.ts'

const price: TokenPrice = { input: 0.000002, output: 0.00001 }

describe('cost of a call', () => {
  const cases: [string, Partial<HarnessUsage>, TokenPrice | null, string | null, string | null][] = [
    ['input and output', { inputTokens: 1000, outputTokens: 100 }, price, '0.00300000', 'computed'],
    [
      'cache reads cost a tenth of input by default',
      { cacheReadInputTokens: 1000 },
      price,
      '0.00020000',
      'computed',
    ],
    [
      'cache writes cost 1.25 of input by default',
      { cacheCreationInputTokens: 1000 },
      price,
      '0.00250000',
      'computed',
    ],
    [
      'own cache rates win over the defaults',
      { cacheReadInputTokens: 1000, cacheCreationInputTokens: 1000 },
      { ...price, cacheRead: 0.000001, cacheCreation: 0.000003 },
      '0.00400000',
      'computed',
    ],
    [
      'a free rate is a rate',
      { cacheReadInputTokens: 1000 },
      { ...price, cacheRead: 0 },
      '0.00000000',
      'computed',
    ],
    ['nothing reported is unknown, not zero', {}, price, null, null],
    ['zero tokens reported cost zero', { inputTokens: 0, outputTokens: 0 }, price, '0.00000000', 'computed'],
    ['unpriced model', { inputTokens: 10 }, null, null, null],
    ['unpriced model, all rates unknown', { inputTokens: 0 }, { input: null, output: null }, null, null],
    [
      'a class with tokens but no rate',
      { inputTokens: 10, outputTokens: 1 },
      { input: 1e-6, output: null },
      null,
      null,
    ],
    [
      'no input rate leaves cached input without one',
      { cacheReadInputTokens: 5 },
      { input: null, output: 1e-5 },
      null,
      null,
    ],
    [
      'a class without tokens needs no rate',
      { inputTokens: 10, outputTokens: 0 },
      { input: 1e-6, output: null },
      '0.00001000',
      'computed',
    ],
    [
      'unpriced, but the CLI reported a cost',
      { inputTokens: 10, reportedCostUsd: 0.053634 },
      null,
      '0.05363400',
      'harness',
    ],
    [
      'a price wins over what the CLI reported',
      { inputTokens: 1000, reportedCostUsd: 9 },
      price,
      '0.00200000',
      'computed',
    ],
    [
      'reasoning is part of output and costs nothing more',
      { outputTokens: 100, reasoningTokens: 90 },
      price,
      '0.00100000',
      'computed',
    ],
    ['eight decimals', { inputTokens: 1 }, { input: 1.23456789e-4, output: null }, '0.00012346', 'computed'],
    ['what the column cannot hold is unknown', { inputTokens: 1e9 }, { input: 1, output: 1 }, null, null],
  ]
  test.each(cases)('%s', (_, usage, rates, costUsd, source) => {
    expect(costOf({ ...noUsage(), ...usage }, rates)).toEqual({ costUsd, source: source as never })
  })
})

test('total tokens are the four disjoint classes, 0 when none is known', () => {
  expect(totalTokensOf(noUsage())).toBe(0)
  expect(
    totalTokensOf({
      inputTokens: 1,
      outputTokens: 2,
      cacheReadInputTokens: 4,
      cacheCreationInputTokens: 8,
      reasoningTokens: 16,
      reportedCostUsd: null,
    }),
  ).toBe(15)
})
