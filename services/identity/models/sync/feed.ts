/** The catalogue feed of a model gateway, read with suspicion (identity spec 8, "sync-models"). */
import { unavailable } from '@mogplex/kit/errors.ts'
import { isStorable } from '@mogplex/kit/http/json-body.ts'
import { matches } from '@mogplex/kit/validation.ts'
import { type Static, type TSchema, Type } from '@sinclair/typebox'

/** A language model of the feed as the catalogue keeps it. */
export interface FeedModel {
  id: string
  provider: string
  name: string
  contextLength: number | null
  /** USD per token, like `pricingOutput`. */
  pricingInput: number | null
  pricingOutput: number | null
  capabilities: string[] | null
}

export interface Feed {
  models: FeedModel[]
  /** Entries of any kind, also those that are not kept. */
  total: number
}

const TIME_LIMIT_MS = 20_000
const MAX_BYTES = 16 * 1024 * 1024
const MAX_ID_CHARS = 200

/** A feed may write null for what it does not know. */
const known = <Schema extends TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]))

const Entry = Type.Object({
  id: Type.String({ pattern: '^[^\\s/]+/\\S+$', maxLength: MAX_ID_CHARS }),
  name: known(Type.String({ minLength: 1 })),
  owned_by: known(Type.String({ minLength: 1 })),
  type: known(Type.String()),
  tags: known(Type.Array(Type.String())),
  context_window: Type.Optional(Type.Unknown()),
  /** Seconds since 1970. */
  released: known(Type.Number()),
  pricing: Type.Optional(Type.Unknown()),
})
type Entry = Static<typeof Entry>

/**
 * Fetches and reads the feed. Throws 503 when it cannot be reached, is too large or no feed. `maxAgeMonths`
 * 0: models of any age.
 */
export async function fetchFeed(url: string, maxAgeMonths: number, now: Date): Promise<Feed> {
  return readFeed(await fetchJson(url), maxAgeMonths, now)
}

async function fetchJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    })
    if (!response.ok) throw new Error(`the feed answered ${response.status}`)
    return JSON.parse(await readText(response))
  } catch (cause) {
    throw unavailable('The model catalogue feed cannot be read', { cause })
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error(`the feed is longer than ${MAX_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/**
 * The models to keep: language models that can use tools and are not too old; an id that comes twice counts
 * once. An entry of another shape, or with text no table can hold, is left out, so that one bad entry does not
 * keep all prices from being corrected. 503 when nothing is left: a feed that broke must not empty the catalogue.
 */
export function readFeed(feed: unknown, maxAgeMonths: number, now: Date): Feed {
  if (!matches(Type.Object({ data: Type.Array(Type.Unknown()) }), feed)) {
    throw unavailable('The model catalogue feed is not a list of models')
  }
  const oldest = maxAgeMonths === 0 ? Number.NEGATIVE_INFINITY : monthsBefore(now, maxAgeMonths) / 1_000
  const models = new Map<string, FeedModel>()
  for (const entry of feed.data) {
    if (!matches(Entry, entry) || !isKept(entry, oldest) || models.has(entry.id)) continue
    const model = readEntry(entry)
    if (textsOf(model).every(isStorable)) models.set(model.id, model)
  }
  if (models.size === 0) throw unavailable('The model catalogue feed holds no model to keep')
  return { models: [...models.values()], total: feed.data.length }
}

function isKept({ type, tags, released }: Entry, oldest: number): boolean {
  if ((type ?? 'language') !== 'language') return false
  if (tags && !tags.includes('tool-use')) return false
  return (released ?? Number.POSITIVE_INFINITY) >= oldest
}

function textsOf({ id, provider, name, capabilities }: FeedModel): string[] {
  return [id, provider, name, ...(capabilities ?? [])]
}

function monthsBefore(now: Date, months: number): number {
  const date = new Date(now)
  date.setUTCMonth(date.getUTCMonth() - months)
  return date.getTime()
}

function readEntry({ id, name, owned_by, tags, context_window, pricing }: Entry): FeedModel {
  const [provider = ''] = id.split('/', 1)
  const prices = typeof pricing === 'object' && pricing !== null ? pricing : {}
  return {
    id,
    provider: owned_by ?? provider,
    name: name ?? id,
    contextLength: readContextLength(context_window),
    pricingInput: readPrice('input' in prices ? prices.input : null),
    pricingOutput: readPrice('output' in prices ? prices.output : null),
    capabilities: tags ?? null,
  }
}

/** What the column can hold. */
const MAX_INTEGER = 2_147_483_647

function readContextLength(value: unknown): number | null {
  const isLength = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_INTEGER
  return isLength ? value : null
}

/** A decimal text; null for everything else, a price below nothing included. */
function readPrice(value: unknown): number | null {
  if (typeof value !== 'string' || !/^\d+(?:\.\d+)?(?:e-?\d{1,3})?$/i.test(value)) return null
  const price = Number(value)
  return Number.isFinite(price) ? price : null
}
