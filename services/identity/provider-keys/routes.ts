/** `/api/settings/keys` (identity spec 7). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { readJsonObject, readOptionalJsonObject } from '@mogplex/kit/http/json-body.ts'
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { matches } from '@mogplex/kit/validation.ts'
import { MODEL_PROVIDERS, ModelProvider } from '@mogplex/proto/identity.ts'
import { MAX_PROVIDER_KEY, type Verification as ShownVerification } from '@mogplex/proto/wire/settings.ts'
import { Elysia } from 'elysia'
import { requesterOf } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import type { Provider } from '../models/models.ts'
import { deleteProviderKey, storeKey, type Verification, verifyKey } from './provider-keys.ts'
import { listProviderKeys } from './store.ts'

const BLANK_OR_CONTROL = /[\s\p{Cc}]/u

/** How an answer names what a provider's key is for. */
const SERVICES: Record<Provider, { service: string; harness?: string; package?: string; binary?: string }> = {
  ai_gateway: { service: 'AI Gateway' },
  openrouter: { service: 'OpenRouter' },
  anthropic: {
    service: 'Claude Code',
    harness: 'Claude Code',
    package: '@anthropic-ai/claude-code',
    binary: 'claude',
  },
  openai: { service: 'Codex', harness: 'Codex', package: '@openai/codex', binary: 'codex' },
}

export function providerKeyRoutes(kit: IdentityKit) {
  const { context, database, pokeOutbox } = kit
  return new Elysia({ name: 'provider-keys' })
    .use(context)
    .get('/api/settings/keys', async ({ context: from }) => {
      const rows = await listProviderKeys(database, userIdOf(from))
      return {
        keys: rows.map(({ provider, createdAt, updatedAt }) => ({
          provider,
          created_at: createdAt.toISOString(),
          updated_at: updatedAt.toISOString(),
        })),
      }
    })
    .put('/api/settings/keys', async ({ context: from, request }) => {
      const owner = requesterOf(from, request)
      const body = await readJsonObject(request)
      const wanted = { provider: readProvider(body.provider), key: readKey(body.key) }
      await storeKey(kit, owner, wanted, new Date())
      pokeOutbox()
      return { ok: true }
    })
    .delete('/api/settings/keys', async ({ context: from, request }) => {
      const owner = requesterOf(from, request)
      const body = await readOptionalJsonObject(request)
      const inQuery = new URL(request.url).searchParams.get('provider')
      await deleteProviderKey(kit, owner, readProvider(body.provider ?? inQuery), new Date())
      pokeOutbox()
      return { ok: true }
    })
    .post('/api/settings/keys/verify', async ({ context: from, request }) => {
      const owner = requesterOf(from, request)
      const provider = readProvider((await readJsonObject(request)).provider)
      return presentVerification(provider, await verifyKey(kit, owner, provider, new Date()))
    })
}

function readProvider(value: unknown): Provider {
  if (matches(ModelProvider, value)) return value
  throw badRequest(`provider: must be one of ${MODEL_PROVIDERS.join(', ')}`, { field: 'provider' })
}

function readKey(value: unknown): string {
  const key = typeof value === 'string' ? value.trim() : ''
  if (key === '' || key.length > MAX_PROVIDER_KEY) {
    throw badRequest(`key: must be 1 to ${MAX_PROVIDER_KEY} characters`, { field: 'key' })
  }
  if (BLANK_OR_CONTROL.test(key)) {
    throw badRequest('key: must not contain blanks or control characters', { field: 'key' })
  }
  return key
}

function presentVerification(
  provider: Provider,
  { isStored, isValid, error }: Verification,
): ShownVerification {
  return {
    key_stored: isStored,
    key_valid: isValid,
    ...(error === null ? {} : { key_error: error }),
    ...SERVICES[provider],
  }
}
