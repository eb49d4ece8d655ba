/**
 * For every row of the route table a request that a welcome caller gets served. A row without one fails
 * the suite.
 */
import { PASSWORD } from '../accounts.ts'
import { importableRemote, type Kind } from './belongings.ts'

export interface Sent {
  path: string
  json?: unknown
  headers?: Record<string, string>
}

export interface Example {
  /** What the request names by id: somebody else's is 404, as an unknown one. */
  names?: Kind
  /** Given the id of what it names. */
  request: (id: string) => Sent
  /** Of the answer to a welcome caller; 200 unless said. */
  status?: number
  /** What it names is gone after it was served. */
  usesUp?: true
  /** It ends sessions: done with people nobody else needs. */
  endsSessions?: true
}

const V1 = '/api/v1/mogplex'

const at = (path: string): Example => ({ request: () => ({ path }) })
const sending = (path: string, json: () => unknown = () => ({})): Example => ({
  request: () => ({ path, json: json() }),
})
const item = (names: Kind, path: (id: string) => string, json?: unknown): Example => ({
  names,
  request: id => ({ path: path(id), ...(json === undefined ? {} : { json }) }),
})
const repo = (id: string) => `/api/repos/${id}`
const workspace = (id: string) => `/api/workspaces/${id}`

let people = 0
const newcomer = () => {
  people += 1
  return { email: `newcomer-${people}@example.test`, password: PASSWORD }
}

/** `owner` is the account's e-mail address, which only sign-in has to know. */
export function examplesFor(owner: { email: string }): Record<string, Example> {
  return {
    'GET /api/auth/providers': at('/api/auth/providers'),
    'GET /api/auth/user': at('/api/auth/user'),
    'GET /api/auth/login/github': { ...at('/api/auth/login/github'), status: 302 },
    'GET /api/auth/callback/github': { ...at('/api/auth/callback/github?code=x&state=x'), status: 302 },
    'GET /api/auth/github': { ...at('/api/auth/github'), status: 302 },
    'GET /api/auth/github/callback': { ...at('/api/auth/github/callback?code=x&state=x'), status: 302 },
    'GET /api/auth/get-session': at('/api/auth/get-session'),
    'POST /api/auth/sign-up/email': sending('/api/auth/sign-up/email', newcomer),
    'POST /api/auth/sign-in/email': sending('/api/auth/sign-in/email', () => ({
      email: owner.email,
      password: PASSWORD,
    })),
    'POST /api/auth/sign-out': { ...sending('/api/auth/sign-out'), endsSessions: true },
    'GET /api/auth/logout': { ...at('/api/auth/logout'), status: 302, endsSessions: true },
    'POST /api/auth/logout': { ...sending('/api/auth/logout'), endsSessions: true },
    'GET /api/auth/sessions': at('/api/auth/sessions'),
    'DELETE /api/auth/sessions/:id': {
      ...item('session', id => `/api/auth/sessions/${id}`),
      usesUp: true,
    },
    'POST /api/auth/password': {
      ...sending('/api/auth/password', () => ({ currentPassword: PASSWORD, newPassword: PASSWORD })),
      endsSessions: true,
    },
    // A consent is signed for one session; here it is enough that whoever may answer one gets that far.
    'POST /api/auth/cli/approve': {
      ...sending('/api/auth/cli/approve', () => ({ consent: 'forged' })),
      status: 400,
    },
    'POST /api/auth/cli/deny': {
      ...sending('/api/auth/cli/deny', () => ({ consent: 'forged' })),
      status: 400,
    },
    'GET /api/settings': at('/api/settings'),
    'PATCH /api/settings': sending('/api/settings', () => ({
      theme: 'light',
      commit_name: 'Ada L.',
      commit_email: 'ada@users.noreply.example.test',
    })),
    'GET /api/settings/api-keys': at('/api/settings/api-keys'),
    'POST /api/settings/api-keys': sending('/api/settings/api-keys', () => ({ name: 'one more' })),
    'DELETE /api/settings/api-keys/:id': {
      ...item('token', id => `/api/settings/api-keys/${id}`),
      usesUp: true,
    },
    'POST /api/settings/api-keys/:id/rotate': {
      ...item('token', id => `/api/settings/api-keys/${id}/rotate`, { overlapHours: 1 }),
      usesUp: true,
    },
    'GET /api/settings/keys': at('/api/settings/keys'),
    'PUT /api/settings/keys': sending('/api/settings/keys', () => ({ provider: 'openai', key: 'sk-test' })),
    'DELETE /api/settings/keys': at('/api/settings/keys?provider=openai'),
    // Nothing is stored for it, so nobody is asked.
    'POST /api/settings/keys/verify': sending('/api/settings/keys/verify', () => ({
      provider: 'openrouter',
    })),
    'GET /api/settings/audit': at('/api/settings/audit'),
    'GET /api/models': at('/api/models'),
    'PATCH /api/models': sending('/api/models', () => ({ model_id: 'openai/gpt-5.5', is_enabled: true })),
    'GET /api/models/new-arrivals': at('/api/models/new-arrivals'),
    'POST /api/models/new-arrivals': sending('/api/models/new-arrivals', () => ({ action: 'dismiss' })),
    'PATCH /api/models/new-arrivals': sending('/api/models/new-arrivals', () => ({ autoEnable: true })),
    [`GET ${V1}/models`]: at(`${V1}/models`),

    // No feed is set here; services/identity/models/sync has one.
    'GET /api/cron/sync-models': { ...at('/api/cron/sync-models'), status: 503 },
    'POST /api/cron/sync-models': { ...sending('/api/cron/sync-models'), status: 503 },
    'GET /': { ...at('/'), status: 302 },
    'GET /login': at('/login?error=access_denied'),
    'GET /settings/api-keys': at('/settings/api-keys'),
    'GET /cli-auth': at(
      `/cli-auth?callback=${encodeURIComponent('http://localhost:45454/x')}&nonce=${'n'.repeat(16)}`,
    ),
    'GET /assets/cli-auth.js': at('/assets/cli-auth.js'),
    'GET /assets/forms.js': at('/assets/forms.js'),
    'GET /assets/login.js': at('/assets/login.js'),
    'GET /assets/api-keys.js': at('/assets/api-keys.js'),

    'GET /api/repos': at('/api/repos'),
    'POST /api/repos': {
      names: 'workspace',
      request: id => ({
        path: '/api/repos',
        json: { provider: 'git', ...importableRemote(), workspace_id: id },
      }),
    },
    'PATCH /api/repos': {
      names: 'repo',
      request: id => ({ path: '/api/repos', json: { id, dev_port: 4000 } }),
    },
    'DELETE /api/repos': { ...item('repo', id => `/api/repos?id=${id}`), usesUp: true },
    'GET /api/repos/:id': item('repo', repo),
    'PATCH /api/repos/:id': item('repo', repo, { dev_port: 4001 }),
    'DELETE /api/repos/:id': { ...item('repo', repo), usesUp: true },
    'GET /api/workspaces': at('/api/workspaces'),
    'POST /api/workspaces': sending('/api/workspaces', () => ({ name: crypto.randomUUID() })),
    'GET /api/workspaces/:id': item('workspace', workspace),
    'PATCH /api/workspaces/:id': item('workspace', workspace, { description: 'changed' }),
    'DELETE /api/workspaces/:id': { ...item('workspace', workspace), usesUp: true },
    'GET /api/github/installations': at('/api/github/installations'),
    'GET /api/github/repos': at('/api/github/repos'),
    'GET /api/github/owners': at('/api/github/owners'),
    [`GET ${V1}/repos`]: at(`${V1}/repos`),

    [`GET ${V1}/sandboxes`]: at(`${V1}/sandboxes`),
    [`GET ${V1}/sandboxes/:sandboxId/logs`]: item('sandbox', id => `${V1}/sandboxes/${id}/logs`),
    [`POST ${V1}/runs`]: {
      names: 'repo',
      status: 202,
      request: id => ({
        path: `${V1}/runs`,
        json: { repoId: id, prompt: 'say hello', harness: 'echo', createBranch: true },
        headers: { 'idempotency-key': crypto.randomUUID() },
      }),
    },
    [`GET ${V1}/runs/:runId`]: item('run', id => `${V1}/runs/${id}`),
    [`GET ${V1}/runs/:runId/events`]: item('run', id => `${V1}/runs/${id}/events`),
    [`POST ${V1}/runs/:runId/cancel`]: item('run', id => `${V1}/runs/${id}/cancel`),
  }
}
