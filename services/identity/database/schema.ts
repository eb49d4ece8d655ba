/** Identity's tables (identity spec 1). */
import { deadLettersTable, inboxTable, outboxTable } from '@mogplex/kit/outbox/tables.ts'
import { sql } from 'drizzle-orm'
import {
  type AnyPgColumn,
  bigint,
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { AuditType } from '../audit/entry.ts'

export const identity = pgSchema('identity')

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

export const outbox = outboxTable(identity)
export const inbox = inboxTable(identity)
export const deadLetters = deadLettersTable(identity)

export const users = identity.table('users', {
  id: uuid('id').primaryKey(),
  /** Lower-cased; null for users who came without one. */
  email: text('email').unique('users_email_unique'),
  /**
   * The address that somebody proved to be the user's. It counts only while it is `email` as well: a changed
   * address is not proven by what proved the old one.
   */
  provenEmail: text('proven_email'),
  emailProvenAt: instant('email_proven_at'),
  emailProvenBy: text('email_proven_by').$type<'github' | 'operator'>(),
  username: text('username'),
  name: text('name'),
  avatarUrl: text('avatar_url'),
  githubUsername: text('github_username'),
  githubUserId: bigint('github_user_id', { mode: 'number' }).unique('users_github_user_id_unique'),
  githubAuthMode: text('github_auth_mode').$type<'oauth' | 'app'>(),
  passwordHash: text('password_hash'),
  defaultModel: text('default_model'),
  /** Null: those of the account. */
  commitName: text('commit_name'),
  commitEmail: text('commit_email'),
  theme: text('theme').$type<'dark' | 'light' | 'system'>().notNull().default('dark'),
  allowPlatformAi: boolean('allow_platform_ai').notNull(),
  allowPlatformSandbox: boolean('allow_platform_sandbox').notNull(),
  /** Since when the user may use this machine's repositories and hosts of its network; null: not at all. */
  hostAccessGrantedAt: instant('host_access_granted_at'),
  /** Devices that were known before are not any more. */
  devicesKnownSince: instant('devices_known_since').notNull().defaultNow(),
  autoEnableNewModels: boolean('auto_enable_new_models').notNull().default(true),
  modelsSeenAt: instant('models_seen_at').notNull().defaultNow(),
  githubInstallPendingUntil: instant('github_install_pending_until'),
  githubReconcileAfter: instant('github_reconcile_after'),
  lastAuthAt: instant('last_auth_at'),
  disabledAt: instant('disabled_at'),
  createdAt: instant('created_at').notNull().defaultNow(),
})
export type User = typeof users.$inferSelect

const owner = () =>
  uuid('user_id')
    .notNull()
    .references(() => users.id, { onDelete: 'cascade' })

export const sessions = identity.table(
  'sessions',
  {
    id: uuid('id').primaryKey(),
    userId: owner(),
    tokenHash: text('token_hash').notNull(),
    previousTokenHash: text('previous_token_hash'),
    /** Null until the token that replaced it is used for the first time. */
    previousValidUntil: instant('previous_valid_until'),
    createdAt: instant('created_at').notNull(),
    /** When the present token was made. */
    rotatedAt: instant('rotated_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    absoluteExpiresAt: instant('absolute_expires_at').notNull(),
    revokedAt: instant('revoked_at'),
    ip: text('ip'),
    userAgent: text('user_agent'),
  },
  table => [
    uniqueIndex('sessions_token_hash_unique').on(table.tokenHash),
    index('sessions_previous_token_hash').on(table.previousTokenHash),
    index('sessions_user').on(table.userId, table.lastSeenAt),
  ],
)
export type Session = typeof sessions.$inferSelect

export const userApiKeys = identity.table(
  'user_api_keys',
  {
    id: uuid('id').primaryKey(),
    userId: owner(),
    name: text('name').notNull(),
    tokenHash: text('token_hash').notNull(),
    tokenPrefix: text('token_prefix').notNull(),
    scopes: text('scopes').array().$type<('read' | 'write')[]>().notNull(),
    createdAt: instant('created_at').notNull(),
    lastUsedAt: instant('last_used_at'),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    /** The token it replaces; the other direction is looked up. */
    rotatedFrom: uuid('rotated_from').references((): AnyPgColumn => userApiKeys.id, { onDelete: 'set null' }),
  },
  table => [
    uniqueIndex('user_api_keys_token_hash_unique').on(table.tokenHash),
    // A token has one successor, whatever runs at the same time.
    uniqueIndex('user_api_keys_rotated_from_unique').on(table.rotatedFrom),
    index('user_api_keys_user').on(table.userId, table.createdAt).where(sql`${table.revokedAt} is null`),
    index('user_api_keys_revoked').on(table.revokedAt).where(sql`${table.revokedAt} is not null`),
  ],
)
export type ApiKey = typeof userApiKeys.$inferSelect

export const auditEntries = identity.table(
  'audit_entries',
  {
    id: uuid('id').primaryKey(),
    userId: owner(),
    type: text('type').$type<AuditType>().notNull(),
    /** As precise as a cursor can name it. */
    at: timestamp('at', { withTimezone: true, mode: 'date', precision: 3 }).notNull(),
    ip: text('ip'),
    userAgent: text('user_agent'),
    subjectId: text('subject_id'),
    /** The first characters of a token, by which people know it. */
    subjectPrefix: text('subject_prefix'),
  },
  table => [index('audit_entries_user').on(table.userId, table.at, table.id)],
)
export type AuditEntry = typeof auditEntries.$inferSelect

const sealed = {
  ciphertext: bytes('ciphertext').notNull(),
  nonce: bytes('nonce').notNull(),
  keyVersion: text('key_version').notNull(),
}

export const providerKeys = identity.table(
  'provider_keys',
  {
    userId: owner(),
    provider: text('provider').$type<'ai_gateway' | 'anthropic' | 'openai' | 'openrouter'>().notNull(),
    ...sealed,
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  table => [primaryKey({ columns: [table.userId, table.provider] })],
)

export const oauthTokens = identity.table(
  'oauth_tokens',
  {
    userId: owner(),
    provider: text('provider').$type<'github'>().notNull(),
    ...sealed,
    grantedScopes: text('granted_scopes').array().notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  table => [primaryKey({ columns: [table.userId, table.provider] })],
)

/** Trips to an OAuth provider that have begun. Only the hash of a state is kept: it is a credential. */
export const oauthStates = identity.table(
  'oauth_states',
  {
    stateHash: text('state_hash').primaryKey(),
    purpose: text('purpose').$type<'login' | 'connect' | 'install'>().notNull(),
    /** Null for a sign-in: nobody is known yet. */
    userId: uuid('user_id').references(() => users.id, { onDelete: 'cascade' }),
    next: text('next').notNull(),
    /** Null for an install of the App: GitHub takes no proof key there. */
    pkceVerifier: text('pkce_verifier'),
    /** What was installed on an earlier trip, of which this one brings the token that says whose it is. */
    installationId: bigint('installation_id', { mode: 'number' }),
    expiresAt: instant('expires_at').notNull(),
    usedAt: instant('used_at'),
  },
  table => [index('oauth_states_expires_at').on(table.expiresAt)],
)

/** What projects last said of a user's GitHub side, for the time it does not answer (identity spec 4). */
export const githubCounts = identity.table('github_counts', {
  userId: owner().primaryKey(),
  installations: integer('installations').notNull(),
  syncedRepos: integer('synced_repos').notNull(),
  coveredRepos: integer('covered_repos').notNull(),
  readAt: instant('read_at').notNull(),
})

/** Consents to hand a command line a token (identity spec 10). One that is pending has no row yet. */
export const cliGrants = identity.table(
  'cli_grants',
  {
    jti: uuid('jti').primaryKey(),
    userId: owner(),
    nonceHash: text('nonce_hash').notNull(),
    callback: text('callback').notNull(),
    status: text('status').$type<'approved' | 'denied'>().notNull(),
    apiKeyId: uuid('api_key_id').references(() => userApiKeys.id, { onDelete: 'set null' }),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  table => [
    uniqueIndex('cli_grants_user_nonce_unique').on(table.userId, table.nonceHash),
    // Looked for whenever a token is removed.
    index('cli_grants_api_key').on(table.apiKeyId),
  ],
)

export const aiModels = identity.table('ai_models', {
  /** `provider/model`. */
  id: text('id').primaryKey(),
  provider: text('provider').notNull(),
  name: text('name').notNull(),
  contextLength: integer('context_length'),
  /** USD per token, like `pricingOutput`. */
  pricingInput: doublePrecision('pricing_input'),
  pricingOutput: doublePrecision('pricing_output'),
  capabilities: text('capabilities').array(),
  isAvailable: boolean('is_available').notNull().default(true),
  isHidden: boolean('is_hidden').notNull().default(false),
  hiddenBy: text('hidden_by').$type<'operator' | 'sync'>(),
  isRecommended: boolean('is_recommended').notNull().default(false),
  recommendationBucket: text('recommendation_bucket').$type<'open' | 'frontier'>(),
  recommendationRank: integer('recommendation_rank'),
  recommendationReason: text('recommendation_reason'),
  recommendedAt: instant('recommended_at'),
  createdAt: instant('created_at'),
  updatedAt: instant('updated_at'),
})
export type Model = typeof aiModels.$inferSelect

export const userModelPreferences = identity.table(
  'user_model_preferences',
  {
    userId: owner(),
    modelId: text('model_id').notNull(),
    isEnabled: boolean('is_enabled').notNull(),
  },
  table => [primaryKey({ columns: [table.userId, table.modelId] })],
)

/** Which gateways may be using answers of ours again (gateway-leases/). Times are the database's. */
export const gatewayLeases = identity.table('gateway_leases', {
  /** One gateway process. */
  gatewayId: uuid('gateway_id').primaryKey(),
  /** Another one whenever the lease had run out before it was renewed. */
  term: uuid('term').notNull(),
  expiresAt: instant('expires_at').notNull(),
  /** False once the gateway did not acknowledge an order: its lease has to run out. */
  isRenewable: boolean('is_renewable').notNull(),
})
