/** Identity's own settings, beside those every service has (docs/operations.md lists them all). */
import type { ServiceKit } from '@mogplex/kit/boot/service.ts'
import { Type } from '@sinclair/typebox'
import type { DeviceCookies } from './devices/device-cookie.ts'
import type { DropAtGateways } from './gateway-leases/gateway-leases.ts'

const choice = <const Values extends readonly [string, ...string[]]>(values: Values, description: string) =>
  Type.Unsafe<Values[number]>(
    Type.String({ pattern: `^(${values.join('|')})$`, default: values[0], description }),
  )
const list = (description: string) => Type.String({ default: '', description: `comma list: ${description}` })
const baseUrl = (description: string) => Type.String({ pattern: '^https?://', description })
const operatorKey = () =>
  Type.Optional(Type.String({ description: "the operator's key, for users who may use platform AI" }))

export const IdentitySettings = Type.Object({
  PUBLIC_BASE_URL: baseUrl('the address people open; https makes session cookies Secure'),
  AUTH_SIGNUP: choice(['first-user', 'open', 'closed'], 'who may make an account'),
  AUTH_SIGNUP_CODE: Type.Optional(
    Type.String({
      // 128 bits in the 64 characters of base64url.
      ...{ pattern: '^[A-Za-z0-9_-]{22,128}$' },
      description:
        'what the first sign-up must show unless it comes from this machine: 22 to 128 of A-Z a-z 0-9 _ -',
    }),
  ),
  AUTH_PASSWORD: choice(['on', 'off'], 'sign-in by e-mail and password'),
  PLATFORM_ACCESS_DEFAULT: choice(['all', 'ai', 'sandbox', 'none'], 'what new users may use'),
  PLATFORM_ACCESS_USER_IDS: list('users who may use everything'),
  PLATFORM_ACCESS_EMAILS: list('e-mail addresses, once proven, whose users may use everything'),
  PLATFORM_ACCESS_EMAIL_DOMAINS: list(
    'domains of e-mail addresses, once proven, whose users may use everything',
  ),
  CLI_TOKEN_TTL_DAYS: Type.Integer({
    ...{ default: 90, minimum: 1, maximum: 3_650 },
    description: 'how long a token lives that a command line was given',
  }),
  AUDIT_RETENTION_DAYS: Type.Integer({
    ...{ default: 400, minimum: 0, maximum: 36_500 },
    description: 'how long entries of audit trails are kept; 0 for ever',
  }),
  GITHUB_CLIENT_ID: Type.Optional(Type.String({ description: 'of the OAuth app people sign in with' })),
  GITHUB_CLIENT_SECRET: Type.Optional(Type.String()),
  GITHUB_URL: Type.String({ pattern: '^https?://', default: 'https://github.com' }),
  GITHUB_API_URL: Type.String({ pattern: '^https?://', default: 'https://api.github.com' }),
  GITHUB_WEB_URL: Type.Optional(baseUrl('where the GitHub App is installed, if not at GITHUB_URL')),
  GITHUB_APP_NAME: Type.Optional(
    Type.String({
      ...{ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$', maxLength: 100 },
      description: "the GitHub App's name, as in its address",
    }),
  ),
  GITHUB_LOGIN_SCOPES: Type.String({ default: 'read:user user:email repo' }),
  DEFAULT_MODEL_ID: Type.Optional(Type.String({ description: 'the model of users who chose none' })),
  MODEL_CATALOG_URL: Type.Optional(baseUrl('the feed that /api/cron/sync-models reads')),
  MODEL_CATALOG_MAX_AGE_MONTHS: Type.Integer({
    ...{ default: 9, minimum: 0, maximum: 1_200 },
    description: 'older models of the feed are left out; 0 for no limit',
  }),
  OPENAI_BASE_URL: Type.String({ pattern: '^https?://', default: 'https://api.openai.com/v1' }),
  ANTHROPIC_BASE_URL: Type.String({ pattern: '^https?://', default: 'https://api.anthropic.com' }),
  OPENROUTER_BASE_URL: Type.String({ pattern: '^https?://', default: 'https://openrouter.ai/api/v1' }),
  AI_GATEWAY_BASE_URL: Type.Optional(baseUrl('any OpenAI-compatible gateway')),
  OPENAI_API_KEY: operatorKey(),
  ANTHROPIC_API_KEY: operatorKey(),
  OPENROUTER_API_KEY: operatorKey(),
  AI_GATEWAY_API_KEY: operatorKey(),
})

/** What every feature of identity is built from. */
export interface IdentityKit extends ServiceKit<typeof IdentitySettings> {
  dropAtGateways: DropAtGateways
  devices: DeviceCookies
}
export type IdentityConfig = IdentityKit['config']
