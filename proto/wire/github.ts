/** Signing in by GitHub, connecting an account of it and installing the App, in the browser (identity spec 3). */
import { Type } from '@sinclair/typebox'
import type { Descriptions } from './describe.ts'

const Return = Type.Object({
  code: Type.Optional(Type.String({ description: 'As GitHub gives it.' })),
  state: Type.Optional(Type.String({ description: 'As it was sent to GitHub.' })),
  error: Type.Optional(Type.String({ description: 'GitHub’s refusal, in place of a code.' })),
})
const ConnectReturn = Type.Object({
  ...Return.properties,
  installation_id: Type.Optional(
    Type.String({ description: 'What was installed. It is the caller’s only if GitHub says so.' }),
  ),
  setup_action: Type.Optional(
    Type.String({ description: '`request` when an owner of the organisation has to install it first.' }),
  ),
})

const away = (description: string) => ({ 302: { description } })

export const GITHUB_ROUTES: Descriptions = {
  'GET /api/auth/login/github': {
    operationId: 'signInByGithub',
    tag: 'sessions',
    summary: 'Go to GitHub to sign in',
    query: Type.Object({
      next: Type.Optional(Type.String({ description: 'A path of this server to go to afterwards.' })),
    }),
    answers: away('To GitHub, or to /login with an `error`.'),
  },
  'GET /api/auth/callback/github': {
    operationId: 'returnFromGithubSignIn',
    tag: 'sessions',
    summary: 'Come back from GitHub and be signed in',
    query: Return,
    answers: away('To where one wanted to go, or to /login with an `error`.'),
  },
  'GET /api/auth/github': {
    operationId: 'connectGithub',
    tag: 'sessions',
    summary: 'Go to GitHub to connect an account, or to install the App of this instance',
    answers: away('To GitHub, to /login without a session, or to the start page with an `error`.'),
  },
  'GET /api/auth/github/callback': {
    operationId: 'returnFromGithubConnect',
    tag: 'sessions',
    summary: 'Come back from GitHub with a connected account, or an installation of the App',
    query: ConnectReturn,
    answers: away(
      'To the start page with `github=connected` (and `repo_sync=failed`), `github=requested` or an `error`; ' +
        'to GitHub for a token that says whose the installation is; to /login without a session.',
    ),
  },
}
