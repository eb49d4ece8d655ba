/** What identity answers and tells (identity spec 9). */
import { Type } from '@sinclair/typebox'
import { Scope } from './caller.ts'
import { ask, tell } from './contract.ts'
import { GATEWAY_ISSUER } from './services.ts'

const Id = Type.String()
const Instant = Type.String({ description: 'ISO-8601 UTC' })
const Invalid = Type.Object({ status: Type.Literal('invalid') })

/**
 * For how long the gateway may use the answer again while it holds its lease; left out: not at all. It is
 * never longer than the credential lives.
 */
const UsableForMs = Type.Optional(Type.Integer({ minimum: 0 }))

/** Lower-case hex SHA-256 of the whole credential; identity never sees the plaintext again. */
const TokenHash = Type.String({ pattern: '^[0-9a-f]{64}$' })

export const resolvePat = ask('rpc.identity.pat.resolve', {
  callers: [GATEWAY_ISSUER],
  request: Type.Object({ tokenHash: TokenHash }),
  reply: Type.Union([
    Invalid,
    Type.Object({
      status: Type.Literal('valid'),
      userId: Id,
      keyId: Id,
      scopes: Type.Array(Scope),
      expiresAt: Type.Union([Instant, Type.Null()]),
      usableForMs: UsableForMs,
    }),
  ]),
})

export const resolveSession = ask('rpc.identity.session.resolve', {
  callers: [GATEWAY_ISSUER],
  request: Type.Object({ tokenHash: TokenHash }),
  reply: Type.Union([
    Invalid,
    Type.Object({
      status: Type.Literal('valid'),
      userId: Id,
      sessionId: Id,
      expiresAt: Instant,
      usableForMs: UsableForMs,
      /** A whole `Set-Cookie` value when the token was rotated (identity spec 2). */
      replacementCookie: Type.Union([Type.String(), Type.Null()]),
    }),
  ]),
})

/**
 * Who is behind the cookie of a browser that has signed in as `email` before: a name of the device, null for one
 * that identity did not make for that address, or that is no longer known.
 */
export const resolveDevice = ask('rpc.identity.device.resolve', {
  callers: [GATEWAY_ISSUER],
  request: Type.Object({
    cookie: Type.String({ maxLength: 1_024 }),
    email: Type.String({ description: 'in its stored form' }),
  }),
  reply: Type.Object({ deviceId: Type.Union([Type.String(), Type.Null()]) }),
})

export const getUser = ask('rpc.identity.user.get', {
  callers: [GATEWAY_ISSUER, 'projects', 'runtime'],
  request: Type.Object({ userId: Id }),
  reply: Type.Object({
    user: Type.Union([
      Type.Null(),
      Type.Object({
        id: Id,
        email: Type.Union([Type.String(), Type.Null()]),
        name: Type.Union([Type.String(), Type.Null()]),
        githubUsername: Type.Union([Type.String(), Type.Null()]),
        disabled: Type.Boolean(),
        /** Whom commits made for the user name: neither is empty, and git takes both (identity spec 5). */
        commitIdentity: Type.Object({ name: Type.String(), email: Type.String() }),
        platformAccess: Type.Object({ ai: Type.Boolean(), sandbox: Type.Boolean() }),
        /** May use repositories of this machine and hosts of its network, as far as the settings allow any. */
        hostAccess: Type.Boolean(),
      }),
    ]),
  }),
})

export const MODEL_PROVIDERS = ['ai_gateway', 'anthropic', 'openai', 'openrouter'] as const
export const ModelProvider = Type.Union(MODEL_PROVIDERS.map(name => Type.Literal(name)))

/** The user's own key, else the operator's where the user may use it, else null (identity spec 8, 9). */
export const getProviderKey = ask('rpc.identity.provider-key.get', {
  callers: ['runtime'],
  request: Type.Object({ userId: Id, provider: ModelProvider }),
  reply: Type.Object({ key: Type.Union([Type.String(), Type.Null()]) }),
})

/**
 * Ids of the models the user may use, in catalogue order, and the default among them. `chosenModel` is the
 * default only where somebody chose it (the user's stored one, else the operator's `DEFAULT_MODEL_ID`, if in
 * `models`), else null: an agent CLI then uses its own default rather than the catalogue's first row.
 */
export const usableModels = ask('rpc.identity.models.usable', {
  callers: ['runtime'],
  request: Type.Object({ userId: Id }),
  reply: Type.Object({
    models: Type.Array(Type.String()),
    defaultModel: Type.Union([Type.String(), Type.Null()]),
    chosenModel: Type.Union([Type.String(), Type.Null()]),
  }),
})

/** USD per token of a catalogue row; null where the model or a price is unknown (runtime spec 5). */
export const getModelPrice = ask('rpc.identity.model.price', {
  callers: ['runtime'],
  request: Type.Object({ modelId: Type.String() }),
  reply: Type.Object({
    input: Type.Union([Type.Number(), Type.Null()]),
    output: Type.Union([Type.Number(), Type.Null()]),
  }),
})

/** The user's own GitHub token, for calls on the user's behalf; null where none is stored. Never logged. */
export const getGithubToken = ask('rpc.identity.github-token.get', {
  callers: ['projects', 'runtime'],
  request: Type.Object({ userId: Id }),
  reply: Type.Object({
    github: Type.Union([
      Type.Null(),
      Type.Object({ token: Type.String(), login: Type.String(), githubUserId: Type.Integer() }),
    ]),
  }),
})

export const userCreated = tell(
  'evt.identity.user.created',
  Type.Object({ email: Type.Union([Type.String(), Type.Null()]) }),
)
export const userSignedIn = tell('evt.identity.user.signed-in', Type.Object({ sessionId: Id }))
export const userDisabled = tell('evt.identity.user.disabled', Type.Object({}))
export const settingsChanged = tell(
  'evt.identity.settings.changed',
  Type.Object({ fields: Type.Array(Type.String()) }),
)
/** What a user switched on or off; `autoEnable` null where new models' own state did not change. */
export const modelPreferenceChanged = tell(
  'evt.identity.models.preference-changed',
  Type.Object({
    changes: Type.Array(Type.Object({ modelId: Type.String(), isEnabled: Type.Boolean() })),
    autoEnable: Type.Union([Type.Boolean(), Type.Null()]),
  }),
)
/** The catalogue is now what the feed says; `synced` models are offered. */
export const modelsSynced = tell('evt.identity.models.synced', Type.Object({ synced: Type.Integer() }))
const PatFacts = Type.Object({ keyId: Id, prefix: Type.String(), scopes: Type.Array(Scope) })
export const patCreated = tell('evt.identity.pat.created', PatFacts)
export const patRevoked = tell('evt.identity.pat.revoked', PatFacts)
/** `keyId` is replaced by `successorId` and good until `goodUntil` at most. */
export const patRotated = tell(
  'evt.identity.pat.rotated',
  Type.Object({ ...PatFacts.properties, successorId: Id, goodUntil: Instant }),
)
export const providerKeyChanged = tell(
  'evt.identity.provider-key.changed',
  Type.Object({
    provider: ModelProvider,
    change: Type.Union([Type.Literal('stored'), Type.Literal('deleted')]),
  }),
)
/** A GitHub account is tied to the user, by a token of it. */
export const githubConnected = tell(
  'evt.identity.github.connected',
  Type.Object({ githubUserId: Type.Integer(), login: Type.String() }),
)
