/**
 * Runtime's tables (runtime spec, head; 2; 4; 6). Ids of users and repos belong to other services: no foreign
 * keys leave this schema.
 */
import { deadLettersTable, inboxTable, outboxTable } from '@mogplex/kit/outbox/tables.ts'
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  json,
  jsonb,
  numeric,
  pgSchema,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { FailureCode, HarnessId } from '../harnesses/harness.ts'

export const runtimeSchema = pgSchema('runtime')

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 })
const createdAt = () => instant('created_at').notNull().defaultNow()

export type RunStatus = 'pending' | 'streaming' | 'success' | 'failed' | 'cancelled'

/** What was committed and pushed (v1 contract 7.8); stored as it is sent. */
export interface Delivery {
  branch: string | null
  commit: string | null
  pushed: boolean
  changed: boolean
  changedFiles: number
  pullRequestUrl: string | null
  /** What was left out; absent in rows from before there was this. */
  skipped?: { path: string; reason: string }[]
}

export const agentRuns = runtimeSchema.table(
  'agent_runs',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    /** The work item's id, shown as `runtime.runId`. */
    workItemId: uuid('work_item_id').notNull(),
    aiCallId: uuid('ai_call_id').notNull(),
    repoId: uuid('repo_id').notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    requestHash: text('request_hash').notNull(),
    harness: text('harness').$type<HarnessId>().notNull(),
    prompt: text('prompt').notNull(),
    baseBranch: text('base_branch').notNull(),
    workingBranch: text('working_branch').notNull(),
    createBranch: boolean('create_branch').notNull(),
    rootDirectory: text('root_directory'),
    mode: text('mode'),
    /** Whether leftovers of its branch are given back to it before its agent begins. */
    leftovers: text('leftovers').$type<'aside' | 'resume'>(),
    conversationId: text('conversation_id'),
    workspaceSessionId: text('workspace_session_id'),
    requestId: text('request_id'),
    status: text('status').$type<RunStatus>().notNull().default('pending'),
    /** Set once somebody asked to cancel; the worker that holds the lease acts on it. */
    controlState: text('control_state').$type<'cancel_requested'>(),
    error: text('error'),
    failureCode: text('failure_code').$type<FailureCode>(),
    sandboxRecordId: uuid('sandbox_record_id'),
    delivery: jsonb('delivery').$type<Delivery>(),
    /** Fence: every write of a worker names the token it claimed the run with. */
    leaseToken: uuid('lease_token'),
    leaseExpiresAt: instant('lease_expires_at'),
    /** A run that could not start yet (no slot, a service away) is not tried again before this. */
    notBefore: instant('not_before'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    streamingAt: instant('streaming_at'),
    finishedAt: instant('finished_at'),
  },
  table => [
    unique('agent_runs_idempotency').on(table.userId, table.idempotencyKey),
    unique('agent_runs_ai_call').on(table.aiCallId),
    index('agent_runs_unfinished')
      .on(table.status, table.createdAt)
      .where(sql`status in ('pending', 'streaming')`),
    index('agent_runs_by_sandbox').on(table.sandboxRecordId, table.createdAt),
  ],
)

export type AgentRun = typeof agentRuns.$inferSelect

/** What runs left in a checkout and the next run there put aside; the mirror of the repo has the files. */
export const runLeftovers = runtimeSchema.table(
  'run_leftovers',
  {
    id: uuid('id').primaryKey(),
    /** Who left them; the mirror's ref is named after it. */
    runId: uuid('run_id').notNull(),
    foundByRunId: uuid('found_by_run_id').notNull(),
    userId: uuid('user_id').notNull(),
    repoId: uuid('repo_id').notNull(),
    workingBranch: text('working_branch').notNull(),
    rootDirectory: text('root_directory'),
    commit: text('commit').notNull(),
    /** What they are the difference to. */
    fromCommit: text('from_commit').notNull(),
    files: integer('files').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    createdAt: createdAt(),
  },
  table => [
    unique('run_leftovers_found_by').on(table.foundByRunId),
    index('run_leftovers_by_branch').on(table.userId, table.repoId, table.workingBranch, table.createdAt),
    index('run_leftovers_by_run').on(table.runId),
  ],
)

export type RunLeftovers = typeof runLeftovers.$inferSelect

export const aiCalls = runtimeSchema.table('ai_calls', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id').notNull(),
  type: text('type').notNull(),
  status: text('status').$type<RunStatus>().notNull().default('pending'),
  model: text('model').notNull(),
  metadata: jsonb('metadata').$type<Record<string, unknown>>().notNull().default({}),
  /** How many events were appended; the next event's position is one more. */
  eventCount: integer('event_count').notNull().default(0),
  inputTokens: bigint('input_tokens', { mode: 'number' }),
  outputTokens: bigint('output_tokens', { mode: 'number' }),
  cacheReadInputTokens: bigint('cache_read_input_tokens', { mode: 'number' }),
  cacheCreationInputTokens: bigint('cache_creation_input_tokens', { mode: 'number' }),
  reasoningTokens: bigint('reasoning_tokens', { mode: 'number' }),
  totalTokens: bigint('total_tokens', { mode: 'number' }),
  /** USD. Null: unknown, which is not zero (runtime spec 5). */
  costUsd: numeric('cost_usd', { precision: 14, scale: 8 }),
  costSource: text('cost_source').$type<'computed' | 'harness'>(),
  error: text('error'),
  createdAt: createdAt(),
  startedAt: instant('started_at'),
  finishedAt: instant('finished_at'),
})

export type AiCall = typeof aiCalls.$inferSelect

export const EVENT_TYPES = [
  'started',
  'status_changed',
  'tool_started',
  'tool_finished',
  'log',
  'cancel_requested',
  'cancelled',
  'finished',
  'failed',
] as const
export type EventType = (typeof EVENT_TYPES)[number]

export const aiCallEvents = runtimeSchema.table(
  'ai_call_events',
  {
    id: uuid('id').primaryKey(),
    aiCallId: uuid('ai_call_id').notNull(),
    /** 1, 2, 3 … without gaps within a call, in commit order (see events/append.ts). */
    position: integer('position').notNull(),
    eventType: text('event_type').$type<EventType>().notNull(),
    toolName: text('tool_name'),
    message: text('message'),
    // json, not jsonb: the cuts at read keep the first keys, so their order must survive (v1 contract 9).
    payload: json('payload').$type<Record<string, unknown>>().notNull(),
    /** How large it is, so that a reader need not fetch it to know; null in events from before there was this. */
    bytes: integer('bytes'),
    createdAt: createdAt(),
  },
  table => [unique('ai_call_events_position').on(table.aiCallId, table.position)],
)

export type AiCallEvent = typeof aiCallEvents.$inferSelect

export const SANDBOX_STATUSES = [
  'creating',
  'installing',
  'running',
  'pausing',
  'paused',
  'stopped',
  'error',
] as const
export type SandboxStatus = (typeof SANDBOX_STATUSES)[number]

/** A sandbox in one of these holds a slot of its user and its files may be in use (runtime spec 6.1). */
export const ACTIVE_SANDBOX_STATUSES: SandboxStatus[] = ['creating', 'installing', 'running', 'pausing']

export const sandboxes = runtimeSchema.table(
  'sandboxes',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    repoId: uuid('repo_id').notNull(),
    /** The provider's handle; null before allocation. */
    sandboxId: text('sandbox_id'),
    provider: text('provider').notNull(),
    status: text('status').$type<SandboxStatus>().notNull(),
    baseBranch: text('base_branch').notNull(),
    workingBranch: text('working_branch').notNull(),
    rootDirectory: text('root_directory'),
    stopReason: text('stop_reason'),
    /** Its repo is gone: it is stopped as soon as it rests. */
    isRetired: boolean('is_retired').notNull().default(false),
    error: text('error'),
    previewUrl: text('preview_url'),
    installLog: text('install_log'),
    devLog: text('dev_log'),
    createdAt: createdAt(),
    lastActiveAt: instant('last_active_at').notNull().defaultNow(),
  },
  table => [
    // One record per key that can be used again: the same branch resumes the same files.
    uniqueIndex('sandboxes_key')
      .on(table.userId, table.repoId, table.workingBranch, sql`coalesce(root_directory, '')`)
      .where(sql`status not in ('stopped', 'error')`),
    index('sandboxes_by_user').on(table.userId, table.lastActiveAt),
  ],
)

export type Sandbox = typeof sandboxes.$inferSelect

export const sandboxLifecycleEvents = runtimeSchema.table(
  'sandbox_lifecycle_events',
  {
    id: uuid('id').primaryKey(),
    sandboxRecordId: uuid('sandbox_record_id').notNull(),
    eventType: text('event_type').notNull(),
    decisionCode: text('decision_code'),
    workerRunId: text('worker_run_id'),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    createdAt: createdAt(),
  },
  table => [index('sandbox_lifecycle_events_by_sandbox').on(table.sandboxRecordId, table.createdAt)],
)

/** Every decision of a per-user budget (runtime spec 1); allowed rows are what the windows count. */
export const limitEvents = runtimeSchema.table(
  'limit_events',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id').notNull(),
    routeKey: text('route_key').notNull(),
    decision: text('decision').$type<'allowed' | 'denied'>().notNull(),
    reason: text('reason'),
    createdAt: createdAt(),
  },
  table => [index('limit_events_window').on(table.userId, table.routeKey, table.decision, table.createdAt)],
)

export const outbox = outboxTable(runtimeSchema)
export const inbox = inboxTable(runtimeSchema)
export const deadLetters = deadLettersTable(runtimeSchema)
