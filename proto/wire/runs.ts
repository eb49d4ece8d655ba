/** Runs and their events (v1 contract 7.8; spec README 6, 7, 26, 27). */
import { type Static, Type } from '@sinclair/typebox'
import { V1_PREFIX } from '../errors.ts'
import { type Descriptions, v1Answers, v1Envelope } from './describe.ts'
import { Instant, nullable, oneOf, optionalText, pageSize, Uuid, V1_PAGE } from './values.ts'

const RunStatus = oneOf(['pending', 'streaming', 'success', 'failed', 'cancelled'], {
  title: 'RunStatus',
})

const Delivery = Type.Object(
  {
    branch: nullable(Type.String()),
    commit: nullable(Type.String()),
    pushed: Type.Boolean(),
    changed: Type.Boolean(),
    changedFiles: Type.Integer({ minimum: 0 }),
    pullRequestUrl: nullable(Type.String()),
    skipped: Type.Optional(
      Type.Array(
        Type.Object(
          {
            path: Type.String({ description: 'From the top of the repository; long ones are cut.' }),
            reason: Type.String(),
          },
          { title: 'SkippedPath' },
        ),
        {
          description:
            'What lies in the checkout and could not be committed, at most 100. Absent in runs from before there was this.',
        },
      ),
    ),
  },
  { title: 'Delivery', description: 'What was committed and pushed.' },
)

const Leftovers = Type.Object(
  { runId: Uuid, files: Type.Integer({ minimum: 0 }) },
  {
    title: 'Leftovers',
    description: 'Which run had left files that were not delivered, and how many of them were put aside.',
  },
)

const Figure = nullable(Type.Integer())
const Usage = Type.Object(
  {
    inputTokens: Figure,
    outputTokens: Figure,
    cacheReadInputTokens: Figure,
    cacheCreationInputTokens: Figure,
    reasoningTokens: Figure,
    costUsd: nullable(Type.Number()),
  },
  {
    title: 'Usage',
    description:
      'Token classes are disjoint; one is null when the harness did not report it, which is not 0.',
  },
)

const RUN = {
  runId: Uuid,
  aiCallId: Uuid,
  sandboxRecordId: nullable(Uuid),
  sandboxId: nullable(Type.String()),
  repoId: Uuid,
  harness: oneOf(['codex', 'claude-code', 'echo'], {
    title: 'Harness',
    description: 'echo: only where the operator enabled it; answers without a model.',
  }),
  status: RunStatus,
  branch: Type.Object({
    base: Type.String({ minLength: 1 }),
    working: Type.String({ minLength: 1 }),
    createBranch: Type.Boolean(),
  }),
  rootDirectory: nullable(Type.String()),
  eventsUrl: Type.String({ pattern: '^/api/v1/mogplex/runs/[^/]+/events$' }),
  cancelUrl: Type.String({ pattern: '^/api/v1/mogplex/runs/[^/]+/cancel$' }),
  createdAt: Instant,
  updatedAt: Instant,
  error: nullable(Type.String(), { description: 'Set only when status is failed.' }),
  delivery: nullable(Delivery, { description: 'Null until the run delivered.' }),
  leftovers: nullable(Leftovers, { description: 'Null when nothing lay in the way when the run began.' }),
  usage: nullable(Usage, { description: 'Null until anything is known.' }),
  runtime: Type.Object(
    { provider: nullable(Type.String()), runId: nullable(Type.String()) },
    { title: 'RuntimeHandle', description: 'Who works on it: `worker`, and the id of its work item.' },
  ),
}

export const Run = Type.Object(RUN, { title: 'Run' })
export type Run = Static<typeof Run>
const StartedRun = Type.Object(
  { ...RUN, replayed: Type.Boolean({ description: 'This key had started the run before.' }) },
  { title: 'StartedRun' },
)

const EVENT_TYPES = [
  ...([
    'started',
    'stream_started',
    'status_changed',
    'assistant_message',
    'tool_call',
    'tool_result',
  ] as const),
  ...(['log', 'cancel_requested', 'cancelled', 'finished', 'failed'] as const),
]

export const RunEvent = Type.Object(
  {
    id: Type.String({ minLength: 1 }),
    type: oneOf(EVENT_TYPES, { title: 'RunEventType' }),
    toolName: nullable(Type.String()),
    message: nullable(Type.String()),
    payload: Type.Record(Type.String(), Type.Unknown(), { description: 'Sanitised.' }),
    createdAt: Instant,
  },
  { title: 'RunEvent' },
)
export type RunEvent = Static<typeof RunEvent>

const GitRef = { maxLength: 200, description: 'A branch name; null or blank is as if it were left out.' }

/** In characters, after trimming. */
export const RUN_LIMITS = { key: 200, prompt: 100_000, mode: 64, opaque: 200 }

export const StartRunRequest = Type.Object(
  {
    repoId: Type.String({ minLength: 1 }),
    prompt: Type.String({
      minLength: 1,
      maxLength: RUN_LIMITS.prompt,
      description: 'Counted after trimming.',
    }),
    harness: optionalText({
      default: 'codex',
      description: 'codex (also for null or blank) or claude-code.',
    }),
    baseBranch: optionalText(GitRef),
    workingBranch: optionalText(GitRef),
    createBranch: Type.Optional(nullable(Type.Boolean(), { default: false })),
    rootDirectory: optionalText({
      maxLength: 1_024,
      description: 'Left out: the stored root of the repository; null: its root; else a path below that.',
    }),
    conversationId: optionalText({ maxLength: RUN_LIMITS.opaque }),
    workspaceSessionId: optionalText({ maxLength: RUN_LIMITS.opaque }),
    mode: optionalText({ maxLength: RUN_LIMITS.mode }),
    leftovers: Type.Optional(
      nullable(oneOf(['aside', 'resume']), {
        default: 'aside',
        description:
          'What earlier runs on the branch left undelivered is put aside for 30 days. resume: the newest of it is given back to the checkout first, unless it conflicts.',
      }),
    ),
  },
  { title: 'StartRunRequest' },
)

export const StartRunHeaders = Type.Object({
  'Idempotency-Key': Type.String({
    minLength: 1,
    maxLength: RUN_LIMITS.key,
    description:
      'Opaque, case-sensitive, trimmed. The same key and request start one run, however often sent.',
  }),
})

const RUNS = `${V1_PREFIX}/runs`

export const RUN_ROUTES: Descriptions = {
  [`POST ${RUNS}`]: {
    operationId: 'startRun',
    tag: 'runs',
    summary: 'Start a run of an agent',
    description: 'Counts against the run-start budget of the user, unless it is a replay.',
    headers: StartRunHeaders,
    body: StartRunRequest,
    answers: v1Answers('Accepted, or replayed: the run as it is now.', StartedRun, 202),
    errors: [404, 409],
  },
  [`GET ${RUNS}/:runId`]: {
    operationId: 'getRun',
    tag: 'runs',
    summary: 'A run as it is now',
    answers: v1Answers('The run.', Type.Object({ run: Run })),
  },
  [`GET ${RUNS}/:runId/events`]: {
    operationId: 'listRunEvents',
    tag: 'runs',
    summary: 'Events of a run, oldest first, as a page or as a live stream',
    description:
      'Without `after` a page holds the newest events. With `Accept: text/event-stream` the events come as they happen, from the first one or behind `Last-Event-ID` or `after`, until the run is over.',
    query: Type.Object({
      limit: pageSize(V1_PAGE),
      after: Type.Optional(
        Type.String({ description: 'Id of an event of this run: those behind it; `start`: from the first.' }),
      ),
    }),
    headers: Type.Object({
      'Last-Event-ID': Type.Optional(
        Type.String({ description: 'Streams only: goes on behind this event. Wins over `after`.' }),
      ),
    }),
    answers: {
      200: {
        description: 'A page of events, or the stream.',
        json: v1Envelope(
          Type.Object({
            run: Run,
            events: Type.Array(RunEvent, { maxItems: V1_PAGE.max }),
            hasMore: Type.Boolean({ description: 'More events exist behind the last one here.' }),
          }),
        ),
        event: RunEvent,
      },
    },
    errors: [400],
  },
  [`POST ${RUNS}/:runId/cancel`]: {
    operationId: 'cancelRun',
    tag: 'runs',
    summary: 'Cancel a run',
    description: 'Takes no body. May be repeated.',
    answers: v1Answers(
      'The run after the call.',
      Type.Object({
        run: Run,
        status: RunStatus,
        alreadyTerminal: Type.Boolean(),
        outcome: oneOf(['cancellation_requested', 'already_terminal']),
      }),
    ),
    errors: [409],
  },
}
