/** Keys for model providers: stored sealed, used by runtime, told to nobody else (identity spec 7, 8). */
import { ApiError, unavailable } from '@mogplex/kit/errors.ts'
import { recordEvent } from '@mogplex/kit/outbox/record.ts'
import { providerKeyChanged } from '@mogplex/proto/identity.ts'
import { type Requester, recordAudit } from '../audit/entry.ts'
import { outbox, type User } from '../database/schema.ts'
import type { IdentityConfig, IdentityKit } from '../environment.ts'
import type { Provider } from '../models/models.ts'
import { platformAccess } from '../users/platform-access.ts'
import { findSealedKey, listProviderKeys, removeKey, upsertKey } from './store.ts'
import { askProvider, checkCall, type KeyVerdict } from './upstream.ts'

const VERIFY_LIMIT_MS = 10_000

/** What a sealed key is bound to; a copy in another row does not open. */
function placeOf(userId: string, provider: Provider): string {
  return `${userId}|provider_keys|${provider}`
}

/** 503 when the instance has no encryption key. */
export async function storeKey(
  { database, secrets }: Pick<IdentityKit, 'database' | 'secrets'>,
  owner: Requester,
  { provider, key }: { provider: Provider; key: string },
  now: Date,
): Promise<void> {
  const { userId, requestId } = owner
  const sealed = secrets.seal(key, placeOf(userId, provider))
  await database.transaction(async tx => {
    await upsertKey(tx, userId, provider, sealed, now)
    const payload = { provider, change: 'stored' as const }
    await recordEvent(tx, outbox, { event: providerKeyChanged, userId, requestId, payload })
    await recordAudit(tx, { type: 'provider-key.stored', by: owner, subject: { id: provider }, now })
  })
}

/** Also fine when none is stored. */
export async function deleteProviderKey(
  { database }: Pick<IdentityKit, 'database'>,
  owner: Requester,
  provider: Provider,
  now: Date,
): Promise<void> {
  const { userId, requestId } = owner
  await database.transaction(async tx => {
    if (!(await removeKey(tx, userId, provider))) return
    const payload = { provider, change: 'deleted' as const }
    await recordEvent(tx, outbox, { event: providerKeyChanged, userId, requestId, payload })
    await recordAudit(tx, { type: 'provider-key.deleted', by: owner, subject: { id: provider }, now })
  })
}

export interface Verification extends KeyVerdict {
  isStored: boolean
}

/** Whether the provider takes the user's stored key; without one nobody is asked. */
export async function verifyKey(
  kit: Pick<IdentityKit, 'database' | 'secrets' | 'config' | 'log'>,
  owner: Requester,
  provider: Provider,
  now: Date,
): Promise<Verification> {
  const { userId } = owner
  const sealed = await findSealedKey(kit.database, userId, provider)
  if (!sealed) return { isStored: false, isValid: null, error: null }
  const unknown = (error: string) => ({ isStored: true, isValid: null, error })
  let key: string
  try {
    key = kit.secrets.open(sealed, placeOf(userId, provider))
  } catch (err) {
    if (err instanceof ApiError) throw err
    kit.log.error({ event: 'provider-key.unreadable', userId, provider, err })
    return unknown('The stored key cannot be decrypted; store it again')
  }
  const call = checkCall(provider, key, kit.config)
  if (!call) return unknown('This instance has no address for the provider; set AI_GATEWAY_BASE_URL')
  const verdict = await askProvider(call, VERIFY_LIMIT_MS)
  const subject = { id: provider }
  await recordAudit(kit.database, { type: 'provider-key.verified', by: owner, subject, now })
  return { isStored: true, ...verdict }
}

/** The operator's key for a provider, if one is configured. */
function operatorKey(provider: Provider, config: IdentityConfig): string | null {
  const keys: Record<Provider, string | undefined> = {
    ai_gateway: config.AI_GATEWAY_API_KEY,
    anthropic: config.ANTHROPIC_API_KEY,
    openai: config.OPENAI_API_KEY,
    openrouter: config.OPENROUTER_API_KEY,
  }
  return keys[provider] ?? null
}

/**
 * The user's own key, else the operator's where the user may use it, else null. A stored key that cannot be
 * read is 503: silently using the operator's instead would spend somebody else's money.
 */
export async function findUsableKey(
  { database, secrets, config, log }: Pick<IdentityKit, 'database' | 'secrets' | 'config' | 'log'>,
  user: User,
  provider: Provider,
): Promise<string | null> {
  const sealed = await findSealedKey(database, user.id, provider)
  if (!sealed) return platformAccess(user, config).ai ? operatorKey(provider, config) : null
  try {
    return secrets.open(sealed, placeOf(user.id, provider))
  } catch (err) {
    if (err instanceof ApiError) throw err
    log.error({ event: 'provider-key.unreadable', userId: user.id, provider, err })
    throw unavailable(`The stored ${provider} key cannot be decrypted; store it again`, { cause: err })
  }
}

/** The providers the user has a key for: own ones, and the operator's where the user may use them. */
export async function reachableProviders(
  { database, config }: Pick<IdentityKit, 'database' | 'config'>,
  user: User,
): Promise<Set<Provider>> {
  const own = (await listProviderKeys(database, user.id)).map(row => row.provider)
  if (!platformAccess(user, config).ai) return new Set(own)
  const providers: Provider[] = ['ai_gateway', 'anthropic', 'openai', 'openrouter']
  return new Set([...own, ...providers.filter(provider => operatorKey(provider, config) !== null)])
}
