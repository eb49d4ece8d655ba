/** The gateway's settings (gateway spec 12), checked once at start into one frozen value. */
import { ProcessSettings } from '@mogplex/kit/boot/settings.ts'
import { type NatsLogin, natsLogin } from '@mogplex/kit/bus/nats-settings.ts'
import { ConfigError, commaList, readConfig } from '@mogplex/kit/config.ts'
import type { Log } from '@mogplex/kit/log.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import { type Static, Type } from '@sinclair/typebox'
import type { JWK } from 'jose'
import { createTrustedProxies, type TrustedProxies } from './client-ip.ts'
import type { Bucket } from './limits/store.ts'
import type { StreamLimits } from './limits/stream-slots.ts'

const limit = (defaultValue: string, purpose: string) =>
  Type.String({ default: defaultValue, pattern: '^(0|[1-9]\\d*/[1-9]\\d*)$', description: purpose })

const milliseconds = (defaultValue: number, purpose: string) =>
  Type.Integer({ default: defaultValue, minimum: 1, description: purpose })

const GatewaySettings = Type.Object({
  ...ProcessSettings.properties,
  PUBLIC_BASE_URL: Type.Optional(Type.String({ description: 'the origin browsers see' })),
  TRUSTED_ORIGINS: Type.String({ default: '' }),
  TRUSTED_PROXIES: Type.String({ default: '' }),
  CORS_ALLOWED_ORIGINS: Type.String({ default: '' }),
  CRON_SECRET: Type.Optional(Type.String()),
  E2E_AUTH_SECRET: Type.Optional(Type.String()),
  GATEWAY_SIGNING_KEY: Type.Optional(Type.String({ description: 'Ed25519 private JWK with kid' })),
  RATE_LIMIT_REDIS_URL: Type.Optional(
    Type.String({
      pattern: '^(redis|rediss|valkey|valkeys)://',
      description: 'where several gateways count',
    }),
  ),
  RATE_LIMIT_PAT: limit('60/60', 'count/seconds for each access token, 0 for no limit'),
  RATE_LIMIT_SESSION: limit('300/60', 'count/seconds for each signed-in user, 0 for no limit'),
  RATE_LIMIT_ANON: limit('120/60', 'count/seconds for each address without credentials, 0 for no limit'),
  RATE_LIMIT_AUTHFAIL: limit('120/60', 'bad credentials, count/seconds for each address, 0 for no limit'),
  RATE_LIMIT_SIGNIN_IP: limit('10/600', 'sign-ins, count/seconds for each address, 0 for no limit'),
  RATE_LIMIT_SIGNIN_EMAIL: limit(
    '5/900',
    'wrong passwords, count/seconds for each e-mail address, known browser and session, 0 for no limit',
  ),
  RATE_LIMIT_SIGNUP: limit('20/3600', 'sign-ups, count/seconds for each address, 0 for no limit'),
  MAX_EVENT_STREAMS_PER_USER: Type.Integer({ default: 20, minimum: 1 }),
  MAX_EVENT_STREAMS_PER_TOKEN: Type.Integer({ default: 10, minimum: 1 }),
  UPSTREAM_TIMEOUT_MS: milliseconds(30_000, 'longest time for a whole answer'),
  STREAM_IDLE_TIMEOUT_MS: milliseconds(60_000, 'longest silence of a streamed answer'),
  MAX_UPSTREAM_REQUESTS: Type.Integer({ default: 8_192, minimum: 1 }),
})

/** The buckets of gateway spec 6 by name; one that is switched off is null. */
export interface Buckets {
  pat: Bucket | null
  session: Bucket | null
  anonymous: Bucket | null
  failedAuthentication: Bucket | null
  signInAddress: Bucket | null
  signInEmail: Bucket | null
  signInDevice: Bucket | null
  passwordSession: Bucket | null
  passwordUser: Bucket | null
  signUp: Bucket | null
  keyVerify: Bucket | null
  cliApprove: Bucket | null
  webhook: Bucket | null
}

export interface GatewayConfig {
  host: string
  port: number
  nats: NatsLogin
  serviceUrls: Record<ServiceName, string>
  /** Scheme, host and port of `PUBLIC_BASE_URL`; never derived from a request's `Host`. */
  publicOrigin: string
  /** Origins whose pages may send changes with a session: the public one and `TRUSTED_ORIGINS`. */
  trustedOrigins: ReadonlySet<string>
  trustedProxies: TrustedProxies
  /** Origins whose pages may call with an access token, see `cors.ts`. */
  corsOrigins: ReadonlySet<string>
  /** Null: the cron routes are closed to everybody. */
  cronSecret: string | null
  /** Null: test mode is off. */
  testSecret: string | null
  /** Ed25519 private key the assertions are signed with. */
  signingKey: JWK
  buckets: Buckets
  /** Where limits are counted; null: in this process, which is right for a single gateway only. */
  redisUrl: string | null
  upstreamTimeoutMs: number
  streamIdleTimeoutMs: number
  /** How many event streams may be open at once. */
  streamLimits: StreamLimits
  /** How many requests to services may be under way at once; one more is refused, not queued. */
  maxUpstreamRequests: number
}

/** Throws {@link ConfigError} naming every fault; warns where a default is only good for development. */
export async function readGatewayConfig(
  environment: Record<string, string | undefined>,
  log: Log,
): Promise<Readonly<GatewayConfig>> {
  const raw = readConfig(GatewaySettings, environment)
  if (raw.NODE_ENV === 'production') requireProductionSettings(raw)
  const publicOrigin = originOf('PUBLIC_BASE_URL', raw.PUBLIC_BASE_URL ?? `http://localhost:${raw.PORT}`)
  return Object.freeze({
    host: raw.HOST,
    port: raw.PORT,
    nats: natsLogin(raw),
    serviceUrls: {
      identity: raw.IDENTITY_URL,
      projects: raw.PROJECTS_URL,
      runtime: raw.RUNTIME_URL,
    },
    publicOrigin,
    trustedOrigins: new Set([publicOrigin, ...originsOf('TRUSTED_ORIGINS', raw)]),
    trustedProxies: createTrustedProxies(commaList(raw.TRUSTED_PROXIES)),
    corsOrigins: new Set(originsOf('CORS_ALLOWED_ORIGINS', raw)),
    cronSecret: raw.CRON_SECRET ?? null,
    testSecret: testSecret(raw, log),
    signingKey: await signingKey(raw.GATEWAY_SIGNING_KEY, log),
    buckets: bucketsOf(raw),
    redisUrl: raw.RATE_LIMIT_REDIS_URL ?? null,
    upstreamTimeoutMs: raw.UPSTREAM_TIMEOUT_MS,
    streamIdleTimeoutMs: raw.STREAM_IDLE_TIMEOUT_MS,
    streamLimits: {
      perUser: raw.MAX_EVENT_STREAMS_PER_USER,
      perToken: raw.MAX_EVENT_STREAMS_PER_TOKEN,
      total: Math.ceil(raw.MAX_UPSTREAM_REQUESTS / 2),
    },
    maxUpstreamRequests: raw.MAX_UPSTREAM_REQUESTS,
  })
}

type RawSettings = Readonly<Static<typeof GatewaySettings>>

function requireProductionSettings(raw: RawSettings): void {
  const missing = (['PUBLIC_BASE_URL', 'GATEWAY_SIGNING_KEY'] as const).filter(name => !raw[name])
  if (missing.length > 0)
    throw new ConfigError(missing.map(name => `${name}: is required in production`).join('\n'))
}

function originsOf(name: 'TRUSTED_ORIGINS' | 'CORS_ALLOWED_ORIGINS', raw: RawSettings): string[] {
  return commaList(raw[name]).map(entry => originOf(name, entry))
}

function originOf(name: string, text: string): string {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.origin
  throw new ConfigError(`${name}: must be an http or https URL`)
}

/** Test mode would let whoever knows one text be anybody, so production does without (gateway spec 2). */
function testSecret({ E2E_AUTH_SECRET, NODE_ENV }: RawSettings, log: Log): string | null {
  if (!E2E_AUTH_SECRET || NODE_ENV !== 'production') return E2E_AUTH_SECRET ?? null
  log.error({ event: 'gateway.test-mode.refused', message: 'E2E_AUTH_SECRET is ignored in production' })
  return null
}

async function signingKey(text: string | undefined, log: Log): Promise<JWK> {
  if (text) return parseSigningKey(text)
  log.warn({ event: 'gateway.signing-key.generated', message: 'GATEWAY_SIGNING_KEY is not set' })
  const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new ConfigError('GATEWAY_SIGNING_KEY: could not be generated')
  const { kty, crv, d, x } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  return { kty: kty ?? 'OKP', crv: crv ?? 'Ed25519', d: d ?? '', x: x ?? '', kid: crypto.randomUUID() }
}

function parseSigningKey(text: string): JWK {
  try {
    const key: JWK = JSON.parse(text)
    if (key.kty === 'OKP' && key.crv === 'Ed25519' && key.d && key.kid) return key
  } catch {
    // The message below says it; the parser's would repeat part of the key.
  }
  throw new ConfigError('GATEWAY_SIGNING_KEY: must be an Ed25519 private JWK with kid')
}

function bucketsOf(raw: RawSettings): Buckets {
  return {
    pat: bucketOf('pat', raw.RATE_LIMIT_PAT),
    session: bucketOf('session', raw.RATE_LIMIT_SESSION),
    anonymous: bucketOf('anonymous', raw.RATE_LIMIT_ANON),
    failedAuthentication: bucketOf('failed-authentication', raw.RATE_LIMIT_AUTHFAIL),
    signInAddress: bucketOf('sign-in-address', raw.RATE_LIMIT_SIGNIN_IP),
    signInEmail: bucketOf('sign-in-email', raw.RATE_LIMIT_SIGNIN_EMAIL),
    signInDevice: bucketOf('sign-in-device', raw.RATE_LIMIT_SIGNIN_EMAIL),
    passwordSession: bucketOf('password-session', raw.RATE_LIMIT_SIGNIN_EMAIL),
    passwordUser: times(SESSIONS_OF_A_GUESSER, bucketOf('password-user', raw.RATE_LIMIT_SIGNIN_EMAIL)),
    signUp: bucketOf('sign-up', raw.RATE_LIMIT_SIGNUP),
    keyVerify: bucketOf('key-verify', '10/60'),
    cliApprove: bucketOf('cli-approve', '10/60'),
    webhook: bucketOf('webhook', '600/60'),
  }
}

function bucketOf(name: string, text: string): Bucket | null {
  const [count, seconds] = text.split('/').map(Number)
  return count && seconds ? { name, limit: count, windowMs: seconds * 1000 } : null
}

/** How many sessions of a user may be guessed in as much as one may. */
const SESSIONS_OF_A_GUESSER = 4

function times(factor: number, bucket: Bucket | null): Bucket | null {
  return bucket && { ...bucket, limit: bucket.limit * factor }
}
