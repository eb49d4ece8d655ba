/**
 * Models that came since the user last looked (identity spec 8). Reading never acknowledges; every change is
 * one transaction that holds the user's row, so that acknowledging and switching never interleave.
 */
import type { Database, Transaction } from '@mogplex/kit/database/connect.ts'
import { ApiError } from '@mogplex/kit/errors.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { modelPreferenceChanged } from '@mogplex/proto/identity.ts'
import { type Model, outbox, type User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { reachableProviders } from '../provider-keys/provider-keys.ts'
import { lockActiveUser } from '../users/store.ts'
import { inCatalogueOrder, isReachable } from './models.ts'
import { listArrivals, markSeen, pinOff, setAutoEnable } from './store.ts'

interface Owner {
  userId: string
  requestId: string
}

/** What to tell the user about: none while new models stay off anyway. */
export async function arrivalsFor(
  kit: Pick<IdentityKit, 'database' | 'config'>,
  user: User,
): Promise<Model[]> {
  if (!user.autoEnableNewModels) return []
  const [arrivals, keys] = await Promise.all([
    listArrivals(kit.database, user.id, { alsoHidden: false }),
    reachableProviders(kit, user),
  ])
  return inCatalogueOrder(arrivals.filter(model => isReachable(model.id, keys)))
}

/** Acknowledges what has arrived until now; what comes later is told of again. */
export async function dismissArrivals(database: Database, { userId }: Owner): Promise<void> {
  await database.transaction(async tx => {
    await lockOr401(tx, userId)
    await acknowledge(tx, userId, await listArrivals(tx, userId, { alsoHidden: false }))
  })
}

/** New models stay off from now on, and those that have just arrived are off too. */
export async function disableArrivals(database: Database, owner: Owner): Promise<void> {
  await database.transaction(async tx => {
    const user = await lockOr401(tx, owner.userId)
    const arrivals = await listArrivals(tx, owner.userId, { alsoHidden: false })
    await setAutoEnable(tx, owner.userId, false)
    await turnOff(tx, owner, arrivals, user.autoEnableNewModels ? false : null)
  })
}

/**
 * Whether new models are on by themselves. What arrived while it was off stays off when it is switched on
 * again, hidden models too: they would otherwise come on by themselves when they are shown.
 */
export async function changeAutoEnable(database: Database, owner: Owner, autoEnable: boolean): Promise<void> {
  await database.transaction(async tx => {
    const user = await lockOr401(tx, owner.userId)
    if (user.autoEnableNewModels === autoEnable) return
    const kept = autoEnable ? await listArrivals(tx, owner.userId, { alsoHidden: true }) : []
    await setAutoEnable(tx, owner.userId, autoEnable)
    await turnOff(tx, owner, kept, autoEnable)
  })
}

async function lockOr401(tx: Transaction, userId: string): Promise<User> {
  const user = await lockActiveUser(tx, userId)
  if (!user) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
  return user
}

/** `autoEnable` null: that did not change. */
async function turnOff(
  tx: Transaction,
  { userId, requestId }: Owner,
  models: Model[],
  autoEnable: boolean | null,
): Promise<void> {
  const ids = models.map(model => model.id)
  await pinOff(tx, userId, ids)
  await acknowledge(tx, userId, models)
  if (ids.length === 0 && autoEnable === null) return
  const payload = { changes: ids.map(modelId => ({ modelId, isEnabled: false })), autoEnable }
  await recordEvent(tx, outbox, { event: modelPreferenceChanged, userId, requestId, payload })
}

/** Up to the newest of `models`, not to now: a row committed later with an earlier time is not passed over. */
async function acknowledge(tx: Transaction, userId: string, models: Model[]): Promise<void> {
  if (models.length > 0)
    await markSeen(
      tx,
      userId,
      models.map(model => model.id),
    )
}
