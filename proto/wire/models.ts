/** Models, for the web, command lines and the versioned surface (identity spec 8; v1 contract 7.4). */
import { type Static, Type } from '@sinclair/typebox'
import { V1_PREFIX } from '../errors.ts'
import { answers, type Descriptions, v1Answers } from './describe.ts'
import { Done, Instant, nullable, oneOf } from './values.ts'

export const Model = Type.Object(
  {
    id: Type.String(),
    provider: Type.String(),
    name: Type.String(),
    context_length: nullable(Type.Integer()),
    pricing_input: nullable(Type.Number(), { description: 'US dollars per token.' }),
    pricing_output: nullable(Type.Number(), { description: 'US dollars per token.' }),
    capabilities: Type.Array(Type.String()),
    is_available: Type.Boolean(),
    is_hidden: Type.Boolean(),
    is_recommended: Type.Boolean(),
    recommendation_bucket: nullable(Type.String()),
    recommendation_rank: nullable(Type.Integer()),
    recommendation_reason: nullable(Type.String()),
    recommended_at: nullable(Instant),
    is_enabled: Type.Optional(Type.Boolean({ description: 'Only for who is signed in.' })),
  },
  { title: 'CatalogueModel' },
)
export type Model = Static<typeof Model>

export const CliModel = Type.Object(
  {
    slug: Type.String(),
    provider: Type.String(),
    displayName: Type.String(),
    inputModalities: Type.Array(Type.String()),
    caps: Type.Object({
      streaming: Type.Boolean(),
      toolUse: Type.Boolean(),
      reasoningEffort: Type.Boolean(),
      parallelToolCalls: Type.Boolean(),
    }),
    contextWindow: Type.Optional(Type.Integer()),
    pricing: Type.Optional(
      Type.Object({
        inputPerMillion: Type.Number(),
        outputPerMillion: Type.Number(),
        currency: Type.String(),
      }),
    ),
  },
  { title: 'CliModel', description: 'What is not known is left out.' },
)
export type CliModel = Static<typeof CliModel>

export const V1Model = Type.Object(
  {
    id: Type.String(),
    provider: Type.String(),
    name: Type.String(),
    contextLength: nullable(Type.Integer()),
    capabilities: Type.Array(Type.String()),
    pricing: Type.Object({
      input: nullable(Type.Number(), { description: 'US dollars per token.' }),
      output: nullable(Type.Number(), { description: 'US dollars per token.' }),
    }),
  },
  { title: 'Model' },
)
export type V1Model = Static<typeof V1Model>

const Arrival = Type.Object({ id: Type.String(), name: Type.String(), provider: Type.String() })

const SYNC = {
  tag: 'operation',
  summary: 'Renew the model catalogue from its feed',
  answers: answers(
    'What the catalogue holds now.',
    Type.Object({
      synced: Type.Integer(),
      total_gateway: Type.Integer(),
      recommended: Type.Integer(),
    }),
  ),
} as const

export const MODEL_ROUTES: Descriptions = {
  'GET /api/models': {
    operationId: 'listModels',
    tag: 'models',
    summary: 'The catalogue, and of it the models you can use',
    query: Type.Object({
      format: Type.Optional(Type.String({ description: '`cli`: a list for command lines.' })),
    }),
    answers: answers(
      'Models; a bare list for `format=cli`.',
      Type.Union([
        Type.Object({
          catalog: Type.Array(Model),
          models: Type.Array(Model),
          default_model: Type.Optional(
            nullable(Type.String(), { description: 'Only for who is signed in.' }),
          ),
        }),
        Type.Array(CliModel),
      ]),
    ),
  },
  'PATCH /api/models': {
    operationId: 'switchModel',
    tag: 'models',
    summary: 'Switch a model on or off for yourself',
    body: Type.Object({ model_id: Type.String({ minLength: 1 }), is_enabled: Type.Boolean() }),
    answers: answers('It is switched.', Done),
    errors: [404],
  },
  'GET /api/models/new-arrivals': {
    operationId: 'listNewModels',
    tag: 'models',
    summary: 'Models that came since you last looked',
    answers: answers('New models.', Type.Object({ models: Type.Array(Arrival), autoEnable: Type.Boolean() })),
  },
  'POST /api/models/new-arrivals': {
    operationId: 'acknowledgeNewModels',
    tag: 'models',
    summary: 'Acknowledge new models, or keep them and later ones off',
    body: Type.Object({ action: oneOf(['dismiss', 'disable']) }),
    answers: answers('It is done.', Done),
  },
  'PATCH /api/models/new-arrivals': {
    operationId: 'changeAutoEnable',
    tag: 'models',
    summary: 'Whether new models are on by themselves',
    body: Type.Object({ autoEnable: Type.Boolean() }),
    answers: answers('It is changed.', Done),
  },
  [`GET ${V1_PREFIX}/models`]: {
    operationId: 'listUsableModels',
    tag: 'models',
    summary: 'Models you can use right now',
    answers: v1Answers('Models.', Type.Object({ models: Type.Array(V1Model) })),
  },
  'GET /api/cron/sync-models': { ...SYNC, operationId: 'syncModelsByGet' },
  'POST /api/cron/sync-models': { ...SYNC, operationId: 'syncModels' },
}
