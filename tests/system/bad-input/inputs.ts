/**
 * Everything a caller can write into a request, row by row of the route table: body fields and query
 * parameters. A row without an entry fails the suite, one without input has an empty one.
 */
import {
  anything,
  commitName,
  environmentVariables,
  exact,
  type Field,
  field,
  isBranch,
  isDirectory,
  lenientText,
  nothing,
  oneOf,
  opaque,
  optional,
  scopes,
  trimmed,
  wholeNumber,
} from './fields.ts'

/** What the example requests refer to. */
export interface Place {
  repoId: string
  /** The path of its remote. */
  remoteUrl: string
  workspaceId: string
  /** Of `workspaceId`. */
  workspaceName: string
  runId: string
  /** A token that is good and has a successor: it cannot be rotated again. */
  rotatedTokenId: string
  email: string
}

export interface Input {
  /** Fields of the body; without any the body is not read. */
  fields?: Record<string, Field>
  /** A body without fault, on which every case varies one field. */
  body?: (place: Place) => Record<string, unknown>
  /** Of the answer to a body without fault; chosen so that as little as possible is made by it. */
  accepted?: readonly number[]
  /** Without which a body is not looked at. */
  headers?: () => Record<string, string>
  /** By parameter, the status of the answer to each value. */
  query?: Record<string, (value: string) => number>
  /** By parameter of the path, what it is in requests about anything else. */
  ids?: (place: Place) => string
  /** Requests one person may send here in a minute. */
  perPerson?: number
}

const V1 = '/api/v1/mogplex'
const PROVIDERS = ['ai_gateway', 'anthropic', 'openai', 'openrouter']
/** Of a model: only a sync changes them. */
const CATALOGUE_FIELDS = [
  ...['provider', 'name', 'context_length', 'capabilities', 'is_available', 'is_hidden'],
  ...['pricing_input', 'pricing_output', 'is_recommended', 'recommendation_reason'],
]
const NEXT = field(value => value === null || typeof value === 'string')
const always = (status: number) => () => status
const isBlank = (encoded: string) => /^(?:%20|%09)*$/.test(encoded)
const repo = (place: Place) => place.repoId
const workspace = (place: Place) => place.workspaceId
const run = (place: Place) => place.runId
const none = () => crypto.randomUUID()

const KEY = field(value => {
  const key = typeof value === 'string' ? value.trim() : ''
  return key.length >= 1 && key.length <= 4_096 && !/[\s\p{Cc}]/u.test(key)
})

const REPO_SETTINGS: Record<string, Field> = {
  root_directory: field(value => typeof value !== 'string' || isDirectory(value)),
  install_command: lenientText(2_000),
  dev_command: lenientText(2_000),
  dev_port: anything,
  dev_port_auto: anything,
  sandbox_timeout_ms: anything,
  runtime: anything,
  env_sync_mode: anything,
  sandbox_env_vars: environmentVariables,
  is_favorite: anything,
  is_hidden: anything,
  default_branch: optional(isBranch),
  remote_url: nothing({ codes: ['BAD_REQUEST', 'INVALID_REMOTE'] }),
  credential: oneOf([null]),
}
const isBlankText = (value: unknown) => typeof value === 'string' && value.trim() === ''
const CHANGED_WORKSPACE = field(value =>
  typeof value === 'string' && !isBlankText(value) ? 'unknown' : false,
)

const WORKSPACE: Record<string, Field> = {
  name: trimmed(1, 100),
  description: lenientText(1_000),
  sandbox_timeout_ms: anything,
  sandbox_idle_timeout_ms: anything,
}

/** Nothing that could be made up is a consent. */
const CONSENT: Input = {
  fields: { consent: nothing() },
  body: () => ({ consent: 'forged' }),
  accepted: [400],
}

export const INPUTS: Record<string, Input> = {
  'GET /api/cron/sync-models': {},
  'POST /api/cron/sync-models': {},
  'GET /': {},
  // Whatever stands in the address, the page is shown.
  'GET /login': { query: { next: always(200), error: always(200), expired: always(200), mode: always(200) } },
  'GET /settings/api-keys': {},
  // Each parameter needs the others: services/identity/cli-grants/request.test.ts.
  'GET /cli-auth': {},
  'GET /assets/cli-auth.js': {},
  'GET /assets/forms.js': {},
  'GET /assets/login.js': {},
  'GET /assets/api-keys.js': {},

  'GET /api/auth/providers': {},
  'GET /api/auth/user': {},
  'GET /api/auth/login/github': { query: { next: always(302) } },
  'GET /api/auth/callback/github': { query: { code: always(302), state: always(302), error: always(302) } },
  'GET /api/auth/github': {},
  'GET /api/auth/github/callback': {
    query: {
      ...{ code: always(302), state: always(302), error: always(302) },
      ...{ installation_id: always(302), setup_action: always(302) },
    },
  },
  'GET /api/auth/get-session': {},
  'POST /api/auth/sign-up/email': {
    fields: {
      email: nothing(),
      password: exact(10, 128),
      name: trimmed(1, 100),
      signupCode: NEXT,
      next: NEXT,
    },
    body: ({ email }) => ({ email, password: 'a long enough password' }),
    // Taken.
    accepted: [409],
  },
  'POST /api/auth/sign-in/email': {
    fields: { email: exact(1, Infinity), password: exact(1, Infinity), next: NEXT },
    body: () => ({ email: 'nobody@example.test', password: 'not the password' }),
    accepted: [401],
  },
  'POST /api/auth/sign-out': {},
  'GET /api/auth/logout': {},
  'POST /api/auth/logout': {},
  'GET /api/auth/sessions': {},
  'DELETE /api/auth/sessions/:id': { ids: none },
  'POST /api/auth/password': {
    fields: { currentPassword: exact(1, Infinity), newPassword: exact(10, 128) },
    body: () => ({ currentPassword: 'not the password', newPassword: 'a long enough password' }),
    accepted: [403],
  },
  'POST /api/auth/cli/approve': { ...CONSENT, perPerson: 10 },
  'POST /api/auth/cli/deny': CONSENT,
  'GET /api/settings': {},
  'PATCH /api/settings': {
    fields: {
      theme: oneOf(['dark', 'light', 'system']),
      default_model: oneOf([null]),
      commit_name: commitName,
      commit_email: oneOf([null]),
    },
    body: () => ({ theme: 'dark' }),
  },
  'GET /api/settings/api-keys': {},
  'POST /api/settings/api-keys': {
    fields: { name: trimmed(1, 100), scopes, expiresInDays: wholeNumber(1, 3_650) },
    body: () => ({ name: 'one more' }),
  },
  'DELETE /api/settings/api-keys/:id': { ids: none },
  'POST /api/settings/api-keys/:id/rotate': {
    fields: {
      overlapHours: field(value => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 168),
    },
    body: () => ({ overlapHours: 1 }),
    accepted: [409],
    ids: place => place.rotatedTokenId,
  },
  'GET /api/settings/keys': {},
  'PUT /api/settings/keys': {
    fields: { provider: oneOf(PROVIDERS), key: KEY },
    body: () => ({ provider: 'openai', key: 'sk-test' }),
  },
  'DELETE /api/settings/keys': {
    fields: { provider: oneOf(PROVIDERS) },
    body: () => ({ provider: 'openai' }),
    query: { provider: always(400) },
  },
  'POST /api/settings/keys/verify': {
    fields: { provider: oneOf(PROVIDERS) },
    body: () => ({ provider: 'openrouter' }),
    perPerson: 10,
  },
  'GET /api/settings/audit': {
    query: { limit: always(200), cursor: value => (value === '' ? 200 : 400) },
  },
  'GET /api/models': { query: { format: always(200) } },
  'PATCH /api/models': {
    fields: {
      model_id: field(value => (typeof value === 'string' && value !== '' ? 'unknown' : false)),
      is_enabled: oneOf([true, false]),
      ...Object.fromEntries(CATALOGUE_FIELDS.map(name => [name, nothing()])),
    },
    body: () => ({ model_id: 'openai/gpt-5.5', is_enabled: true }),
  },
  'GET /api/models/new-arrivals': {},
  'POST /api/models/new-arrivals': {
    fields: { action: oneOf(['dismiss', 'disable']) },
    body: () => ({ action: 'dismiss' }),
  },
  'PATCH /api/models/new-arrivals': {
    fields: { autoEnable: oneOf([true, false]) },
    body: () => ({ autoEnable: true }),
  },
  [`GET ${V1}/models`]: {},

  'GET /api/repos': { query: { id: always(200), show_hidden: always(200) } },
  'POST /api/repos': {
    fields: {
      ...REPO_SETTINGS,
      // Without one it is GitHub's, which needs a name.
      provider: oneOf(['git'], { says: /^provider\b|^full_name: / }),
      github_id: anything,
      full_name: optional(() => false),
      workspace_id: optional(() => 'unknown'),
    },
    body: ({ remoteUrl }) => ({ provider: 'git', remote_url: remoteUrl }),
    // The same again; with another root directory it is another one.
    accepted: [409, 200],
  },
  'PATCH /api/repos': {
    fields: {
      ...REPO_SETTINGS,
      workspace_id: CHANGED_WORKSPACE,
      id: field(value => (value === null || isBlankText(value) ? false : 'unknown')),
    },
    body: ({ repoId }) => ({ id: repoId, dev_port: 3_000 }),
    accepted: [200, 409],
  },
  'DELETE /api/repos': { query: { id: value => (isBlank(value) ? 400 : 404) } },
  'GET /api/repos/:id': { ids: repo },
  'PATCH /api/repos/:id': {
    fields: { ...REPO_SETTINGS, workspace_id: CHANGED_WORKSPACE },
    body: () => ({ dev_port: 3_000 }),
    accepted: [200, 409],
    ids: repo,
  },
  'DELETE /api/repos/:id': { ids: none },
  'GET /api/workspaces': {},
  'POST /api/workspaces': {
    fields: WORKSPACE,
    body: ({ workspaceName }) => ({ name: workspaceName }),
    // The name is taken.
    accepted: [409, 200],
  },
  'GET /api/workspaces/:id': { ids: workspace },
  'PATCH /api/workspaces/:id': { fields: WORKSPACE, body: () => ({}), accepted: [200, 409], ids: workspace },
  'DELETE /api/workspaces/:id': { ids: none },
  'GET /api/github/installations': { query: { refresh: always(200) } },
  'GET /api/github/repos': {},
  'GET /api/github/owners': {},
  [`GET ${V1}/repos`]: { query: { q: always(200), id: always(200), limit: always(200) } },

  [`GET ${V1}/sandboxes`]: { query: { repo_id: always(200), status: always(200), limit: always(200) } },
  [`GET ${V1}/sandboxes/:sandboxId/logs`]: { ids: none },
  [`POST ${V1}/runs`]: {
    fields: {
      repoId: field(value => (typeof value === 'string' && value.trim() !== '' ? 'unknown' : false)),
      prompt: trimmed(1, 100_000, { says: /^Prompt is (required|too long)$|^prompt: / }),
      harness: optional(() => false, { says: /^Invalid harness$/ }),
      baseBranch: optional(isBranch, { says: /^Invalid base branch$/ }),
      workingBranch: optional(isBranch, { says: /^Invalid working branch$/ }),
      createBranch: field(value => value === null || typeof value === 'boolean'),
      rootDirectory: field(value => value === null || (typeof value === 'string' && isDirectory(value)), {
        says: /^Invalid root directory$/,
      }),
      conversationId: opaque(200),
      workspaceSessionId: opaque(200),
      mode: opaque(64),
    },
    body: () => ({ repoId: none(), prompt: 'say hello', harness: 'echo' }),
    // Fields are judged before the repo is looked for.
    accepted: [404],
    headers: () => ({ 'idempotency-key': crypto.randomUUID() }),
  },
  [`GET ${V1}/runs/:runId`]: { ids: run },
  [`GET ${V1}/runs/:runId/events`]: { ids: run, query: { after: always(400), limit: always(200) } },
  [`POST ${V1}/runs/:runId/cancel`]: { ids: none },
}
