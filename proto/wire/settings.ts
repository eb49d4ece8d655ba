/** Settings, keys of model providers, and the audit trail (identity spec 5, 7). */
import { type Static, Type } from '@sinclair/typebox'
import { ModelProvider } from '../identity.ts'
import { answers, type Descriptions } from './describe.ts'
import { AUDIT_PAGE, Done, Instant, nullable, oneOf, pageSize, Uuid } from './values.ts'

const Theme = oneOf(['dark', 'light', 'system'], { title: 'Theme' })
/** Of the key of a model provider, in characters, after trimming. */
export const MAX_PROVIDER_KEY = 4_096

/** Of the name and the address in commits, in characters, after trimming. */
export const MAX_COMMIT_NAME = 200
export const MAX_COMMIT_EMAIL = 254

export const Settings = Type.Object({
  default_model: nullable(Type.String()),
  theme: Theme,
  commit_name: Type.String({
    description: 'Who commits of your runs are by; the name of your account until set.',
  }),
  commit_email: Type.String({ description: 'Their address; the one of your account until set.' }),
})

export type Settings = Static<typeof Settings>
export const Verification = Type.Object({
  key_stored: Type.Boolean(),
  key_valid: nullable(Type.Boolean(), {
    description: 'Null: the provider gave no clear answer, or nobody asked.',
  }),
  key_error: Type.Optional(Type.String()),
  service: Type.String(),
  harness: Type.Optional(Type.String()),
  package: Type.Optional(Type.String()),
  binary: Type.Optional(Type.String()),
})
export type Verification = Static<typeof Verification>

export const AuditEntry = Type.Object(
  {
    id: Uuid,
    type: Type.String(),
    at: Instant,
    ip: nullable(Type.String()),
    userAgent: nullable(Type.String()),
    subject: nullable(Type.Object({ id: Type.String(), prefix: nullable(Type.String()) })),
  },
  { title: 'AuditEntry' },
)
export type AuditEntry = Static<typeof AuditEntry>

const ProviderKey = Type.Object({
  provider: ModelProvider,
  created_at: Instant,
  updated_at: Instant,
})

export const SETTINGS_ROUTES: Descriptions = {
  'GET /api/settings': {
    operationId: 'getSettings',
    tag: 'settings',
    summary: 'Your settings',
    answers: answers('Settings as they work now.', Settings),
    errors: [404],
  },
  'PATCH /api/settings': {
    operationId: 'changeSettings',
    tag: 'settings',
    summary: 'Change settings',
    description: 'At least one is needed; what is left out stays as it is.',
    body: Type.Object({
      theme: Type.Optional(Theme),
      default_model: Type.Optional(
        nullable(Type.String(), { description: 'A model you can use; null: the automatic choice.' }),
      ),
      commit_name: Type.Optional(
        nullable(Type.String({ minLength: 1 }), {
          description: `Up to ${MAX_COMMIT_NAME} characters that git takes as a name; null: the name of your account.`,
        }),
      ),
      commit_email: Type.Optional(
        nullable(Type.String({ minLength: 1 }), {
          description: `An address of up to ${MAX_COMMIT_EMAIL} characters; null: the one of your account.`,
        }),
      ),
    }),
    answers: answers('They are changed.', Done),
    errors: [404],
  },
  'GET /api/settings/keys': {
    operationId: 'listProviderKeys',
    tag: 'settings',
    summary: 'For which model providers you have stored a key',
    answers: answers('Providers; never the keys.', Type.Object({ keys: Type.Array(ProviderKey) })),
  },
  'PUT /api/settings/keys': {
    operationId: 'storeProviderKey',
    tag: 'settings',
    summary: 'Store the key of a model provider',
    body: Type.Object({
      provider: ModelProvider,
      key: Type.String({
        minLength: 1,
        maxLength: MAX_PROVIDER_KEY,
        description: 'Without blanks; counted after trimming.',
      }),
    }),
    answers: answers('It is stored, sealed.', Done),
  },
  'DELETE /api/settings/keys': {
    operationId: 'deleteProviderKey',
    tag: 'settings',
    summary: 'Delete the key of a model provider',
    description: 'The provider is named in the body or in the query; the body wins.',
    query: Type.Object({ provider: Type.Optional(ModelProvider) }),
    body: Type.Object({ provider: Type.Optional(nullable(ModelProvider)) }),
    isBodyOptional: true,
    answers: answers('There is none now.', Done),
  },
  'POST /api/settings/keys/verify': {
    operationId: 'verifyProviderKey',
    tag: 'settings',
    summary: 'Ask a model provider whether your key is good',
    body: Type.Object({ provider: ModelProvider }),
    answers: answers('What the provider said.', Verification),
  },
  'GET /api/settings/audit': {
    operationId: 'listAuditEntries',
    tag: 'settings',
    summary: 'What happened to your credentials, newest first',
    query: Type.Object({
      limit: pageSize(AUDIT_PAGE),
      cursor: Type.Optional(Type.String({ description: '`nextCursor` of the page before.' })),
    }),
    answers: answers(
      'A page; nextCursor is null on the last one.',
      Type.Object({ entries: Type.Array(AuditEntry), nextCursor: nullable(Type.String()) }),
    ),
    errors: [400],
  },
}
