/** A model as the three surfaces show it: the web app, the CLI, and the versioned API (identity spec 8). */
import type * as wire from '@mogplex/proto/wire/models.ts'
import type { Model } from '../database/schema.ts'

/** For `/api/models`. When a row was made is internal; who is not signed in has nothing enabled. */
export function presentModel(model: Model, isEnabled?: boolean): wire.Model {
  return {
    id: model.id,
    provider: model.provider,
    name: model.name,
    context_length: model.contextLength,
    pricing_input: model.pricingInput,
    pricing_output: model.pricingOutput,
    capabilities: model.capabilities ?? [],
    is_available: model.isAvailable,
    is_hidden: model.isHidden,
    is_recommended: model.isRecommended,
    recommendation_bucket: model.recommendationBucket,
    recommendation_rank: model.recommendationRank,
    recommendation_reason: model.recommendationReason,
    recommended_at: model.recommendedAt?.toISOString() ?? null,
    ...(isEnabled === undefined ? {} : { is_enabled: isEnabled }),
  }
}

/** For `/api/v1/mogplex/models`: prices in USD per token, null where unknown (schema `Model`). */
export function presentV1Model(model: Model): wire.V1Model {
  return {
    id: model.id,
    provider: model.provider,
    name: model.name,
    contextLength: model.contextLength,
    capabilities: model.capabilities ?? [],
    pricing: { input: model.pricingInput, output: model.pricingOutput },
  }
}

const TOOL_TAGS = ['tool-use', 'tool_use', 'tools', 'function-calling', 'function_calling']
const REASONING_TAGS = ['reasoning', 'thinking']
const IMAGE_TAGS = ['vision', 'image', 'image-input', 'multimodal']
const AUDIO_TAGS = ['audio', 'audio-input', 'speech']
const TOKENS_PER_PRICE = 1_000_000
const PRICE_DECIMALS = 6

/** For `?format=cli`: what is not known is absent, never null. */
export function presentCliModel(model: Model): wire.CliModel {
  const tags = new Set(model.capabilities?.map(tag => tag.toLowerCase()))
  const hasAny = (known: string[]) => known.some(tag => tags.has(tag))
  const usesTools = hasAny(TOOL_TAGS)
  const { contextLength, pricingInput, pricingOutput } = model
  const pricing =
    pricingInput === null || pricingOutput === null
      ? undefined
      : {
          inputPerMillion: perMillion(pricingInput),
          outputPerMillion: perMillion(pricingOutput),
          currency: 'USD',
        }
  return {
    slug: model.id,
    provider: model.provider,
    displayName: model.name,
    inputModalities: [
      'text',
      ...(hasAny(IMAGE_TAGS) ? ['image'] : []),
      ...(hasAny(AUDIO_TAGS) ? ['audio'] : []),
    ],
    caps: {
      streaming: true,
      toolUse: usesTools,
      reasoningEffort: hasAny(REASONING_TAGS),
      parallelToolCalls: usesTools,
    },
    ...(contextLength === null ? {} : { contextWindow: contextLength }),
    ...(pricing ? { pricing } : {}),
  }
}

function perMillion(pricePerToken: number): number {
  return Number((pricePerToken * TOKENS_PER_PRICE).toFixed(PRICE_DECIMALS))
}
