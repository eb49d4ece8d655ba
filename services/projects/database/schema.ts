/** Projects' tables (projects spec 2.1, 4, 5). Users belong to identity: no foreign keys leave this schema. */
import { deadLettersTable, inboxTable, outboxTable } from '@mogplex/kit/outbox/tables.ts'
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

export const projectsSchema = pgSchema('projects')

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 })
/** GitHub's ids are numbers that JavaScript can hold. */
const githubNumber = (name: string) => bigint(name, { mode: 'number' })
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
    provider: text('provider').$type<'git' | 'github'>().notNull(),
    /** GitHub's id of the repository, which outlives its names; null for a plain git remote. */
    githubId: githubNumber('github_id'),
    /** The installation that covers it; null when none does. */
    githubInstallationId: githubNumber('github_installation_id'),
    fullName: text('full_name').notNull(),
    defaultBranch: text('default_branch').notNull(),
    workspaceId: uuid('workspace_id').notNull(),
    rootDirectory: text('root_directory'),
    /** Null for a repository of GitHub: its address follows from its name. */
    remoteUrl: text('remote_url'),
    /** SHA-256 of the normalised remote: what makes two imports the same repository. Null as above. */
    remoteKey: text('remote_key'),
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
    uniqueIndex('repos_unique_github').on(
      table.userId,
      table.githubId,
      sql`md5(coalesce(root_directory, ''))`,
    ),
    check(
      'repos_provider',
      sql`(provider = 'github' and github_id is not null and remote_url is null and remote_key is null and credential is null)
        or (provider = 'git' and github_id is null and github_installation_id is null and remote_url is not null and remote_key is not null)`,
    ),
    index('repos_by_installation').on(table.githubInstallationId),
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

/** Installations of the App that users have proven to be theirs (projects spec 5.3). */
export const githubInstallations = projectsSchema.table(
  'github_installations',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    installationId: githubNumber('installation_id').notNull(),
    accountLogin: text('account_login'),
    accountType: text('account_type'),
    targetType: text('target_type'),
    permissions: jsonb('permissions').$type<Record<string, string>>(),
    /** While set, it counts for nothing. */
    suspendedAt: instant('suspended_at'),
    /** Counts what was written of its repos, so that a list read before is not written after. */
    syncVersion: integer('sync_version').notNull().default(1),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  table => [
    unique('github_installations_once').on(table.userId, table.installationId),
    index('github_installations_by_id').on(table.installationId),
  ],
)
export type GithubInstallation = typeof githubInstallations.$inferSelect

/** Syncs of installations that are to be done, whoever asked for them; one row an installation and user. */
export const syncJobs = projectsSchema.table(
  'sync_jobs',
  {
    userId: uuid('user_id').notNull(),
    installationId: githubNumber('installation_id').notNull(),
    /** Not before then; for a job that is being done, when it is taken for lost. */
    dueAt: instant('due_at').notNull().defaultNow(),
    attempts: integer('attempts').notNull().default(0),
    requestId: text('request_id').notNull(),
  },
  table => [
    primaryKey({ columns: [table.userId, table.installationId] }),
    index('sync_jobs_due').on(table.dueAt),
  ],
)
export type SyncJob = typeof syncJobs.$inferSelect

export const outbox = outboxTable(projectsSchema)
export const inbox = inboxTable(projectsSchema)
export const deadLetters = deadLettersTable(projectsSchema)
