/** Projects' tables (projects spec 2.1, 4). Users belong to identity: no foreign keys leave this schema. */
import { deadLettersTable, inboxTable, outboxTable } from '@mogplex/kit/outbox/tables.ts'
import { sql } from 'drizzle-orm'
import {
  boolean,
  foreignKey,
  index,
  integer,
  jsonb,
  pgSchema,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

export const projectsSchema = pgSchema('projects')

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 })
const createdAt = () => instant('created_at').notNull().defaultNow()
const updatedAt = () => instant('updated_at').notNull().defaultNow()

/** An encrypted value as a column holds it; binary parts in base64. */
export interface StoredSecret {
  ciphertext: string
  nonce: string
  keyVersion: string
}

export const workspaces = projectsSchema.table(
  'workspaces',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    name: text('name').notNull(),
    /** `name` in lower case, as JavaScript does it: Postgres' own depends on the database's locale. */
    nameKey: text('name_key').notNull(),
    description: text('description'),
    isDefault: boolean('is_default').notNull().default(false),
    sandboxTimeoutMs: integer('sandbox_timeout_ms').notNull(),
    sandboxIdleTimeoutMs: integer('sandbox_idle_timeout_ms').notNull(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  table => [
    unique('workspaces_name').on(table.userId, table.nameKey),
    uniqueIndex('workspaces_one_default').on(table.userId).where(sql`is_default`),
    // What a repo refers to: a workspace of the same user.
    unique('workspaces_owned').on(table.id, table.userId),
  ],
)
export type Workspace = typeof workspaces.$inferSelect

export const repos = projectsSchema.table(
  'repos',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    provider: text('provider').$type<'git'>().notNull(),
    fullName: text('full_name').notNull(),
    defaultBranch: text('default_branch').notNull(),
    workspaceId: uuid('workspace_id').notNull(),
    rootDirectory: text('root_directory'),
    remoteUrl: text('remote_url').notNull(),
    /** SHA-256 of the normalised remote: what makes two imports the same repository. */
    remoteKey: text('remote_key').notNull(),
    /** Counts changes of remote and credential, so that neither is changed on the strength of a stale other. */
    remoteVersion: integer('remote_version').notNull().default(1),
    credential: jsonb('credential').$type<StoredSecret>(),
    installCommand: text('install_command'),
    devCommand: text('dev_command'),
    devPort: integer('dev_port').notNull(),
    devPortAuto: boolean('dev_port_auto').notNull(),
    sandboxTimeoutMs: integer('sandbox_timeout_ms'),
    runtime: text('runtime'),
    envSyncMode: text('env_sync_mode').notNull(),
    /** The whole map, sealed as one JSON text; null when it is empty. */
    sandboxEnvVars: jsonb('sandbox_env_vars').$type<StoredSecret>(),
    sandboxEnvVarKeys: text('sandbox_env_var_keys').array().notNull(),
    isFavorite: boolean('is_favorite').notNull(),
    isHidden: boolean('is_hidden').notNull().default(false),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  table => [
    // Hashed because an index row has less room than a URL and a path may need.
    uniqueIndex('repos_unique_remote').on(
      table.userId,
      table.remoteKey,
      sql`md5(coalesce(root_directory, ''))`,
    ),
    index('repos_by_workspace').on(table.workspaceId),
    // A workspace cannot go while a repo is in it, nor hold a repo of another user.
    foreignKey({
      name: 'repos_workspace',
      columns: [table.workspaceId, table.userId],
      foreignColumns: [workspaces.id, workspaces.userId],
    }),
  ],
)
export type Repo = typeof repos.$inferSelect

export const outbox = outboxTable(projectsSchema)
export const inbox = inboxTable(projectsSchema)
export const deadLetters = deadLettersTable(projectsSchema)
