/** `/api/settings/api-keys` (identity spec 6). */
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { Elysia } from 'elysia'
import { requesterOf } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import { createKey, deleteKey } from './api-keys.ts'
import { readNewKeyRequest, readOverlapHours } from './request.ts'
import { refuseUnlessLive, rotateKey } from './rotate.ts'
import { type ListedKey, listKeys } from './store.ts'

export function apiKeyRoutes({ context, database, pokeOutbox }: IdentityKit) {
  return new Elysia({ name: 'api-keys' })
    .use(context)
    .get('/api/settings/api-keys', async ({ context: from }) => ({
      keys: (await listKeys(database, userIdOf(from))).map(presentKey),
    }))
    .post('/api/settings/api-keys', async ({ context: from, request }) => {
      const owner = requesterOf(from, request)
      const wanted = readNewKeyRequest(await readJsonObject(request))
      const created = await createKey(database, owner, wanted, new Date())
      pokeOutbox()
      return created
    })
    .post('/api/settings/api-keys/:id/rotate', async ({ context: from, params, request }) => {
      const owner = requesterOf(from, request)
      await refuseUnlessLive(database, owner.userId, params.id, new Date())
      const overlapHours = readOverlapHours(await readJsonObject(request))
      const rotated = await rotateKey(database, owner, { id: params.id, overlapHours }, new Date())
      pokeOutbox()
      return rotated
    })
    .delete('/api/settings/api-keys/:id', async ({ context: from, params, request }) => {
      const owner = requesterOf(from, request)
      await deleteKey(database, owner, params.id, new Date())
      pokeOutbox()
      return { ok: true }
    })
}

/** The links are there only where there are any: everything else is as the spec lists it. */
function presentKey(key: ListedKey) {
  const { id, name, tokenPrefix, scopes, createdAt, lastUsedAt, expiresAt, rotatedFrom, rotatedTo } = key
  return {
    id,
    name,
    prefix: tokenPrefix,
    scopes,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
    ...(rotatedFrom === null ? {} : { rotatedFrom }),
    ...(rotatedTo === null ? {} : { rotatedTo }),
  }
}
