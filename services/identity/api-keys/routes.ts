/** `/api/settings/api-keys` (identity spec 6). */
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import type { Token } from '@mogplex/proto/wire/tokens.ts'
import { Elysia } from 'elysia'
import { requesterOf } from '../audit/entry.ts'
import type { IdentityKit } from '../environment.ts'
import { createKey, deleteKey } from './api-keys.ts'
import { readNewKeyRequest, readOverlapHours } from './request.ts'
import { refuseUnlessLive, rotateKey } from './rotate.ts'
import { type ListedKey, listKeys } from './store.ts'

export function apiKeyRoutes({ context, database, dropAtGateways, pokeOutbox }: IdentityKit) {
  /** Also after a failure: it may be the second try of a change whose answer was lost. */
  const thenDrop = async <T>(id: string, change: () => Promise<T>): Promise<T> => {
    try {
      return await change()
    } finally {
      await dropAtGateways([id])
    }
  }
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
      const rotation = { id: params.id, overlapHours }
      const rotated = await thenDrop(params.id, () => rotateKey(database, owner, rotation, new Date()))
      pokeOutbox()
      return rotated
    })
    .delete('/api/settings/api-keys/:id', async ({ context: from, params, request }) => {
      const owner = requesterOf(from, request)
      await thenDrop(params.id, () => deleteKey(database, owner, params.id, new Date()))
      pokeOutbox()
      return { ok: true }
    })
}

/** The links are there only where there are any: everything else is as the spec lists it. */
function presentKey(key: ListedKey): Token {
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
