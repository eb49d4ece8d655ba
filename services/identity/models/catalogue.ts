/** Fills an empty catalogue at the first start from the file that ships with the product (identity spec 8). */
import type { Database } from '@mogplex/kit/database/connect.ts'
import { check } from '@mogplex/kit/validation.ts'
import { Type } from '@sinclair/typebox'
import { aiModels } from '../database/schema.ts'
import file from './catalogue.json'
import { lockCatalogue } from './sync/store.ts'

const nullable = <Schema extends ReturnType<typeof Type.Number | typeof Type.Integer>>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

const Catalogue = Type.Array(
  Type.Object({
    /** `provider/model`. */
    id: Type.String({ pattern: '^[a-z0-9-]+/[A-Za-z0-9.:_-]+$' }),
    provider: Type.String(),
    name: Type.String(),
    contextLength: nullable(Type.Integer({ minimum: 1 })),
    /** USD per token, as the provider publishes it for short prompts; null where that is not certain. */
    pricingInput: nullable(Type.Number({ minimum: 0 })),
    pricingOutput: nullable(Type.Number({ minimum: 0 })),
    capabilities: Type.Array(Type.String()),
    recommendationBucket: Type.Union([Type.Literal('open'), Type.Literal('frontier'), Type.Null()]),
    recommendationRank: nullable(Type.Integer({ minimum: 1 })),
  }),
)

/** The models that ship with the product. Throws when the file has another shape. */
export function shippedCatalogue() {
  return check(Catalogue, file)
}

/** Writes the shipped models once, when there is none; of several replicas starting, one does it. */
export async function seedCatalogue(database: Database, now: Date): Promise<void> {
  await database.transaction(async tx => {
    await lockCatalogue(tx)
    const [known] = await tx.select({ id: aiModels.id }).from(aiModels).limit(1)
    if (known) return
    const rows = shippedCatalogue().map(model => ({
      ...model,
      isRecommended: model.recommendationBucket !== null,
      recommendedAt: model.recommendationBucket === null ? null : now,
      createdAt: now,
      updatedAt: now,
    }))
    await tx.insert(aiModels).values(rows)
  })
}
