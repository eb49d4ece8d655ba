/** Installations of the GitHub App and what comes by them (projects spec 5.3–5.5). */
import { type Static, Type } from '@sinclair/typebox'
import { answers, type Descriptions } from './describe.ts'
import { Repo } from './repos.ts'
import { nullable, oneOf, Uuid } from './values.ts'

const Text = nullable(Type.String())
const Count = Type.Integer({ minimum: 0 })
const InstallationId = Type.Integer({ minimum: 1, description: 'As GitHub numbers it.' })

export const Installation = Type.Object(
  {
    id: Uuid,
    installation_id: InstallationId,
    account_login: Text,
    account_type: Text,
    target_type: Text,
    repositories: Type.Array(Type.Object({ id: Uuid, full_name: Type.String() })),
    repository_count: Count,
    synced_repo_count: Count,
    scope_label: Type.String({ description: 'Org, User or GitHub’s own word.' }),
    manage_url: Text,
  },
  { title: 'Installation' },
)
export type Installation = Static<typeof Installation>

export const GithubOwner = Type.Object(
  {
    login: Type.String(),
    kind: oneOf(['personal', 'org']),
    github_installation_id: nullable(InstallationId),
    scope_label: Type.String(),
    source: oneOf(['oauth', 'oauth+installation', 'installation']),
  },
  { title: 'GithubOwner' },
)
export type GithubOwner = Static<typeof GithubOwner>

export const INSTALLATION_ROUTES: Descriptions = {
  'GET /api/github/installations': {
    operationId: 'listGithubInstallations',
    tag: 'repos',
    summary: 'Your installations of the GitHub App',
    description:
      'GitHub is asked where nothing is known yet; when it does not answer, what is known is shown.',
    query: Type.Object({
      refresh: Type.Optional(Type.String({ description: '`true`: ask GitHub in any case.' })),
    }),
    answers: answers('Installations, the newest first.', Type.Array(Installation)),
  },
  'GET /api/github/repos': {
    operationId: 'syncGithubRepos',
    tag: 'repos',
    summary: 'Sync with GitHub now and list your repositories',
    description: 'Imports what GitHub lists, so a token needs the scope `write`.',
    answers: answers('Repositories, those just found among them.', Type.Array(Repo)),
    errors: [400],
  },
  'GET /api/github/owners': {
    operationId: 'listGithubOwners',
    tag: 'repos',
    summary: 'Accounts of GitHub that repositories can be made under',
    answers: answers('Accounts, your own first; none without a connected account.', Type.Array(GithubOwner)),
  },
}
