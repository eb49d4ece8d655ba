/** Personal access tokens, and handing one to a command line (identity spec 6, 10). */
import { type Static, Type } from '@sinclair/typebox'
import { Scope } from '../caller.ts'
import { answers, type Descriptions } from './describe.ts'
import { Done, Instant, nullable, Uuid } from './values.ts'

/** What a request for a token may ask at most. */
export const TOKEN_LIMITS = { nameChars: 100, days: 3_650, overlapHours: 168 }

export const Token = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    prefix: Type.String({ description: 'The beginning of the token, to know it by.' }),
    scopes: Type.Array(Scope),
    createdAt: Instant,
    lastUsedAt: nullable(Instant),
    expiresAt: nullable(Instant, { description: 'Null: never.' }),
    rotatedFrom: Type.Optional(Uuid),
    rotatedTo: Type.Optional(Uuid),
  },
  { title: 'Token' },
)
export type Token = Static<typeof Token>

const NEW_TOKEN = {
  id: Uuid,
  token: Type.String({ description: 'The whole token, shown this once.' }),
  prefix: Type.String(),
  scopes: Type.Array(Scope),
  expiresAt: nullable(Instant),
}
export const NewToken = Type.Object(NEW_TOKEN, { title: 'NewToken' })
export type NewToken = Static<typeof NewToken>
export const RotatedToken = Type.Object(
  {
    ...NEW_TOKEN,
    rotatedFrom: Uuid,
    previousExpiresAt: Instant,
  },
  { title: 'RotatedToken' },
)
export type RotatedToken = Static<typeof RotatedToken>

export const NewTokenRequest = Type.Object({
  name: Type.String({
    minLength: 1,
    maxLength: TOKEN_LIMITS.nameChars,
    description: 'Counted after trimming.',
  }),
  scopes: Type.Optional(
    nullable(Type.Array(Scope, { minItems: 1 }), { description: 'Left out or null: read and write.' }),
  ),
  expiresInDays: Type.Optional(
    nullable(Type.Integer({ minimum: 1, maximum: TOKEN_LIMITS.days }), {
      description: 'Left out or null: never expires.',
    }),
  ),
})
export const RotateRequest = Type.Object({
  overlapHours: Type.Integer({
    minimum: 0,
    maximum: TOKEN_LIMITS.overlapHours,
    description: 'For how long the old token stays good; 0 ends it at once.',
  }),
})

const ConsentBody = Type.Object({
  consent: Type.String({ description: 'As the page /cli-auth shows it, for this session.' }),
})

export const CliGrant = Type.Object({
  token: Type.String({ description: 'The whole token, shown this once.' }),
  prefix: Type.String(),
  keyId: Uuid,
  expiresAt: nullable(Instant),
  callback: Type.String(),
  nonce: Type.String(),
})
export type CliGrant = Static<typeof CliGrant>

export const TOKEN_ROUTES: Descriptions = {
  'GET /api/settings/api-keys': {
    operationId: 'listTokens',
    tag: 'tokens',
    summary: 'Your personal access tokens',
    answers: answers('Tokens, without their secret.', Type.Object({ keys: Type.Array(Token) })),
  },
  'POST /api/settings/api-keys': {
    operationId: 'createToken',
    tag: 'tokens',
    summary: 'Make a personal access token',
    description: 'At most 100 are live at a time.',
    body: NewTokenRequest,
    answers: answers('The new token.', NewToken),
    errors: [409],
  },
  'DELETE /api/settings/api-keys/:id': {
    operationId: 'revokeToken',
    tag: 'tokens',
    summary: 'Revoke a token',
    description: 'The next request that shows it is refused.',
    answers: answers('It is revoked.', Done),
  },
  'POST /api/settings/api-keys/:id/rotate': {
    operationId: 'rotateToken',
    tag: 'tokens',
    summary: 'Replace a token by a new one like it',
    body: RotateRequest,
    answers: answers('The new token.', RotatedToken),
    errors: [409],
  },
  'POST /api/auth/cli/approve': {
    operationId: 'approveCommandLine',
    tag: 'tokens',
    summary: 'Give a command line its token',
    body: ConsentBody,
    answers: answers('The token and where to deliver it.', CliGrant),
    errors: [409],
  },
  'POST /api/auth/cli/deny': {
    operationId: 'denyCommandLine',
    tag: 'tokens',
    summary: 'Give a command line no token',
    body: ConsentBody,
    answers: answers('The request is over.', Done),
    errors: [409],
  },
}
