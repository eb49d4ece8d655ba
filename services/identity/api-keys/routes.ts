/** `/api/settings/api-keys` (identity spec 6). */
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { Elysia } from 'elysia'
import type { ApiKey } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { createKey, deleteKey } from './api-keys.ts'
import { readNewKeyRequest } from './request.ts'
import { listKeys } from './store.ts'

export function apiKeyRoutes({ context, database, pokeOutbox }: IdentityKit) {
  return new Elysia({ name: 'api-keys' })
    .use(context)
    .get('/api/settings/api-keys', async ({ context: from }) => ({
      keys: (await listKeys(database, userIdOf(from))).map(presentKey),
    }))
    .post('/api/settings/api-keys', async ({ context: from, request }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      const wanted = readNewKeyRequest(await readJsonObject(request))
      const created = await createKey(database, owner, wanted, new Date())
      pokeOutbox()
      return created
    })
    .delete('/api/settings/api-keys/:id', async ({ context: from, params }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      await deleteKey(database, owner, params.id, new Date())
      pokeOutbox()
      return { ok: true }
    })
}

function presentKey({ id, name, tokenPrefix, scopes, createdAt, lastUsedAt, expiresAt }: ApiKey) {
  return {
    id,
    name,
    prefix: tokenPrefix,
    scopes,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  }
}
