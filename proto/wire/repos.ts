/** Repositories (projects spec 2; v1 contract 7.1). */
import { type Static, Type } from '@sinclair/typebox'
import { V1_PREFIX } from '../errors.ts'
import { answers, type Descriptions, v1Answers } from './describe.ts'
import { Done, Instant, lenient, nullable, oneOf, optionalText, pageSize, Uuid, V1_PAGE } from './values.ts'
import { Workspace } from './workspaces.ts'

const GithubNumber = Type.Integer({ minimum: 1 })

export const Repo = Type.Object(
  {
    id: Uuid,
    user_id: Uuid,
    provider: Type.String(),
    full_name: Type.String({ description: 'owner/name' }),
    owner: Type.String(),
    name: Type.String(),
    default_branch: nullable(Type.String()),
    root_directory: nullable(Type.String()),
    workspace_id: Uuid,
    remote_url: nullable(Type.String(), { description: 'Null for a repository of GitHub.' }),
    has_credential: Type.Boolean({ description: 'The credential itself is never shown.' }),
    install_command: nullable(Type.String()),
    dev_command: nullable(Type.String()),
    dev_port: Type.Integer({ minimum: 1, maximum: 65_535 }),
    dev_port_auto: Type.Boolean(),
    sandbox_timeout_ms: nullable(Type.Integer(), { description: 'Null: as the workspace says.' }),
    runtime: nullable(Type.String()),
    env_sync_mode: Type.String(),
    sandbox_env_vars: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'Only for a session: tokens see the keys.' }),
    ),
    sandbox_env_var_keys: Type.Array(Type.String()),
    is_favorite: Type.Boolean(),
    is_hidden: Type.Boolean(),
    github_id: nullable(GithubNumber, { description: 'Null for a plain git remote.' }),
    github_installation_id: nullable(GithubNumber, { description: 'The installation that covers it.' }),
    parent_repo_id: Type.Null(),
    is_monorepo: Type.Boolean(),
    snapshot_id: Type.Null(),
    snapshot_created_at: Type.Null(),
    snapshot_commit_sha: Type.Null(),
    snapshot_lockfile_hash: Type.Null(),
    github_has_app_installation: Type.Boolean(),
    github_app_covered: Type.Boolean(),
    github_triggerable: Type.Boolean(),
    github_access_state: Type.String(),
    github_coverage_label: Type.String(),
    github_coverage_detail: Type.String(),
    workspace: Workspace,
    created_at: Instant,
    updated_at: Instant,
  },
  { title: 'Repo' },
)
export type Repo = Static<typeof Repo>

export const ListedRepo = Type.Object(
  {
    id: Uuid,
    full_name: Type.String({ description: 'owner/name' }),
    installation_id: nullable(GithubNumber, { description: 'Null when no installation covers it.' }),
    default_branch: nullable(Type.String()),
    root_directory: nullable(Type.String()),
  },
  { title: 'ListedRepo' },
)
export type ListedRepo = Static<typeof ListedRepo>

const Credential = Type.Optional(
  nullable(Type.Record(Type.String(), Type.Unknown()), {
    description:
      '`{"username","token"}` for http remotes, `{"ssh_private_key"}` for ssh, null for none. Never shown again.',
    examples: [{ username: 'ada', token: 'a token of the git server' }],
  }),
)
const BRANCH = { description: 'A valid branch name; blank: the remote decides.' }

const SETTINGS = {
  root_directory: lenient(
    'A path within the repository, at most 1,024 characters; no text: its root.',
    'apps/web',
  ),
  install_command: lenient('At most 2,000 characters; no text: none.', 'npm ci'),
  dev_command: lenient('At most 2,000 characters; no text: none.', 'npm run dev'),
  dev_port: lenient('1–65,535; anything else: 3000.', 3_000),
  dev_port_auto: lenient('Anything but false or "false" is true.', true),
  sandbox_timeout_ms: lenient('Clamped to 600,000–18,000,000; null: as the workspace says.', 3_600_000),
  runtime: lenient('node22, node24 or python3.13; anything else: none.', 'node24'),
  env_sync_mode: lenient('sandbox-and-preview; anything else: sandbox-only.', 'sandbox-only'),
  is_favorite: lenient('Truthy or not.', false),
  is_hidden: lenient('Truthy or not.', false),
  sandbox_env_vars: lenient('All variables, at most 200; replaces those there were.', { NODE_ENV: 'test' }),
  default_branch: optionalText(BRANCH),
  credential: Credential,
}
const CHANGES = {
  ...SETTINGS,
  default_branch: optionalText({ description: 'A valid branch name; blank: main.' }),
  workspace_id: Type.Optional(Type.String({ minLength: 1 })),
  remote_url: Type.Optional(Type.String({ minLength: 1 })),
}

const CHANGE_TEXT = 'At least one field is needed; what is left out stays as it is.'
const changed = answers('The changed repository.', Repo)

export const REPO_ROUTES: Descriptions = {
  'GET /api/repos': {
    operationId: 'listRepos',
    tag: 'repos',
    summary: 'Your repositories',
    query: Type.Object({
      id: Type.Optional(Type.String({ description: 'Only this one; an unknown id gives an empty list.' })),
      show_hidden: Type.Optional(Type.String({ description: '`true`: hidden ones too.' })),
    }),
    answers: answers('Repositories.', Type.Array(Repo)),
  },
  'POST /api/repos': {
    operationId: 'importRepo',
    tag: 'repos',
    summary: 'Import a repository',
    description:
      'A plain git remote is asked first: one that cannot be read is 400. GitHub is not asked: its repository is as the body says.',
    body: Type.Object({
      provider: Type.Optional(nullable(oneOf(['github', 'git']), { description: 'Left out: github.' })),
      remote_url: optionalText({ description: 'Of a plain git remote, which needs it.' }),
      github_id: Type.Optional(
        Type.Unknown({ description: 'Of a repository of GitHub, which needs it.', examples: [7_001] }),
      ),
      full_name: optionalText({
        description: 'owner/name; needed for GitHub, else taken from the address when left out.',
      }),
      workspace_id: optionalText({ description: 'Left out or blank: the default workspace.' }),
      ...SETTINGS,
    }),
    answers: answers('The imported repository.', Repo),
    errors: [404, 409],
  },
  'PATCH /api/repos': {
    operationId: 'changeRepoById',
    tag: 'repos',
    summary: 'Change the repository the body names',
    description: CHANGE_TEXT,
    body: Type.Object({ id: Type.String({ minLength: 1 }), ...CHANGES }),
    answers: changed,
    errors: [404, 409],
  },
  'DELETE /api/repos': {
    operationId: 'removeRepoById',
    tag: 'repos',
    summary: 'Remove the repository the query names',
    query: Type.Object({ id: Type.String({ minLength: 1 }) }),
    answers: answers('It is gone from here; the remote is untouched.', Done),
    errors: [400, 404, 409],
  },
  'GET /api/repos/:id': {
    operationId: 'getRepo',
    tag: 'repos',
    summary: 'One repository',
    answers: answers('The repository.', Repo),
  },
  'PATCH /api/repos/:id': {
    operationId: 'changeRepo',
    tag: 'repos',
    summary: 'Change a repository',
    description: CHANGE_TEXT,
    body: Type.Object(CHANGES),
    answers: changed,
    errors: [409],
  },
  'DELETE /api/repos/:id': {
    operationId: 'removeRepo',
    tag: 'repos',
    summary: 'Remove a repository',
    answers: answers('It is gone from here; the remote is untouched.', Done),
    errors: [409],
  },
  [`GET ${V1_PREFIX}/repos`]: {
    operationId: 'listVisibleRepos',
    tag: 'repos',
    summary: 'Imported, visible repositories, by name',
    query: Type.Object({
      q: Type.Optional(Type.String({ description: 'Part of full_name, in any case, taken literally.' })),
      id: Type.Optional(Type.String({ description: 'Exactly this one; wins over q.' })),
      limit: pageSize(V1_PAGE),
    }),
    answers: v1Answers(
      'Repositories.',
      Type.Object({ repos: Type.Array(ListedRepo, { maxItems: V1_PAGE.max }) }),
    ),
  },
}
