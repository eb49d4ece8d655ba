/**
 * The environment of each child process: its own settings, what every program needs, and those settings of
 * the person that concern it. Nothing else reaches it, least of all another child's secrets.
 */
import { homedir } from 'node:os'
import { socketAddress } from '@mogplex/kit/http/service-address.ts'
import { SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import { type Keys, publicKeys } from './keys.ts'
import type { ProcessName } from './processes.ts'
import type { GivenNats } from './settings.ts'

export type Environment = Record<string, string | undefined>

/** What any program may need to run and to reach the network from here. */
const FOR_EVERYBODY = [
  ...['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'NO_PROXY', 'no_proxy'],
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
  ...['LOG_LEVEL', 'NODE_ENV'],
]

const MODEL_ENDPOINTS = ['OPENAI_BASE_URL', 'ANTHROPIC_BASE_URL', 'AI_GATEWAY_BASE_URL']
const GIT_RULES = ['LOCAL_GIT_ROOTS', 'GIT_ALLOW_PRIVATE_HOSTS', 'GIT_ALLOW_HTTP']
const LIMITS = ['PAT', 'SESSION', 'ANON', 'AUTHFAIL', 'SIGNIN_IP', 'SIGNIN_EMAIL', 'SIGNUP']
const NPM_SETTINGS = ['registry', 'userconfig', 'globalconfig', 'cafile', 'cache'].flatMap(name => [
  `npm_config_${name}`,
  `NPM_CONFIG_${name.toUpperCase()}`,
])

/** Settings a person may set, by the process they are passed on to. */
export const PASSED_ON: Record<ProcessName, readonly string[]> = {
  gateway: [
    ...['TRUSTED_ORIGINS', 'CORS_ALLOWED_ORIGINS', 'MCP_ALLOWED_ORIGINS', 'TRUSTED_PROXIES'],
    ...['CRON_SECRET', 'E2E_AUTH_SECRET', 'UPSTREAM_TIMEOUT_MS', 'STREAM_IDLE_TIMEOUT_MS'],
    ...['MAX_UPSTREAM_REQUESTS', 'MAX_EVENT_STREAMS_PER_USER', 'MAX_EVENT_STREAMS_PER_TOKEN'],
    ...[...LIMITS, 'REDIS_URL'].map(name => `RATE_LIMIT_${name}`),
  ],
  identity: [
    ...['AUTH_SIGNUP', 'AUTH_SIGNUP_CODE', 'AUTH_PASSWORD', 'CLI_TOKEN_TTL_DAYS'],
    ...['CLIENT_ID', 'CLIENT_SECRET', 'URL', 'API_URL', 'WEB_URL', 'LOGIN_SCOPES', 'APP_NAME'].map(
      name => `GITHUB_${name}`,
    ),
    ...['MODEL_CATALOG_URL', 'MODEL_CATALOG_MAX_AGE_MONTHS'],
    ...['DEFAULT_MODEL_ID', ...MODEL_ENDPOINTS, 'OPENROUTER_BASE_URL'],
    'AUDIT_RETENTION_DAYS',
    ...['DEFAULT', 'USER_IDS', 'EMAILS', 'EMAIL_DOMAINS'].map(name => `PLATFORM_ACCESS_${name}`),
    ...['OPENAI', 'ANTHROPIC', 'OPENROUTER', 'AI_GATEWAY'].map(name => `${name}_API_KEY`),
    'SECRETS_ENCRYPTION_KEY_PREVIOUS',
  ],
  projects: [
    ...GIT_RULES,
    ...['URL', 'WEB_URL', 'API_URL', 'APP_ID', 'APP_NAME', 'APP_PRIVATE_KEY', 'APP_PRIVATE_KEY_FILE'].map(
      name => `GITHUB_${name}`,
    ),
    ...['GITHUB_SYNC_MAX_PAGES', 'SECRETS_ENCRYPTION_KEY_PREVIOUS'],
  ],
  runtime: [
    ...MODEL_ENDPOINTS,
    ...GIT_RULES,
    ...NPM_SETTINGS,
    ...['ENABLE_ECHO_HARNESS', 'CODEX_CLI_VERSION', 'CLAUDE_CODE_CLI_VERSION'],
    ...['RUN_TIMEOUT_SECONDS', 'RUN_IDLE_TIMEOUT_SECONDS', 'RUN_LEASE_SECONDS', 'SHUTDOWN_GRACE_SECONDS'],
    ...['RUN_OUTPUT_MAX_BYTES', 'RUN_OUTPUT_MAX_EVENTS', 'RUN_EVENTS_RETENTION_DAYS'],
    ...['SANDBOX_MAX_ACTIVE_PER_USER', 'WORKER_CONCURRENCY'],
    ...['CGROUPS', 'MEMORY_MB', 'CPUS', 'PROCESSES', 'DISK_MB', 'INODES', 'DISK_PER_USER_MB'].map(
      name => `SANDBOX_${name}`,
    ),
    ...['DISK_FREE_FLOOR_MB', 'DISK_FREE_FLOOR_INODES'],
    'SECRETS_ENCRYPTION_KEY_PREVIOUS',
  ],
}

/** What is right on a laptop, unless the person says otherwise. */
const LAPTOP_DEFAULTS: Environment = {
  NODE_ENV: 'development',
  AUTH_SIGNUP: 'first-user',
  LOCAL_GIT_ROOTS: homedir(),
  GIT_ALLOW_PRIVATE_HOSTS: 'true',
  // Ctrl-C ends everything within 10 s (processes.ts), so runs cannot be waited for as long as elsewhere.
  SHUTDOWN_GRACE_SECONDS: '2',
}

/** Our own NATS: each process has a login of its own to it. */
export interface OwnNats {
  url: string
  /** The certificate it proves itself by. */
  caFile: string
}

export interface Instance {
  keys: Keys
  /** The gateway's; the services have sockets. */
  port: number
  sockets: Record<ServiceName, string>
  publicBaseUrl: string
  /** Each service's own login. */
  databaseUrls: Record<ServiceName, string>
  nats: OwnNats | GivenNats
  runtimeDirectory: string
}

/** What any program of ours may know, whatever it is for. */
export function forEverybody(own: Environment): Environment {
  return pick(FOR_EVERYBODY, own)
}

function pick(names: readonly string[], own: Environment): Environment {
  return Object.fromEntries(
    names.flatMap(key => {
      const value = own[key] ?? LAPTOP_DEFAULTS[key]
      return value === undefined ? [] : [[key, value] as const]
    }),
  )
}

/** The whole environment of one process; `own` is the launcher's. */
export function childEnvironment(name: ProcessName, instance: Instance, own: Environment): Environment {
  const settings = pick([...FOR_EVERYBODY, ...PASSED_ON[name]], own)
  return {
    ...(name === 'identity' ? { AUTH_SIGNUP_CODE: instance.keys.signUpCode } : {}),
    ...settings,
    ...loopbackPastProxies(settings),
    ...(name === 'gateway'
      ? { HOST: '127.0.0.1', PORT: String(instance.port) }
      : { SOCKET: instance.sockets[name] }),
    PUBLIC_BASE_URL: instance.publicBaseUrl,
    ...natsSettings(name, instance),
    ...Object.fromEntries(
      SERVICE_NAMES.map(service => [
        `${service.toUpperCase()}_URL`,
        socketAddress(instance.sockets[service]),
      ]),
    ),
    ...(name === 'gateway'
      ? {
          TRUSTED_ORIGINS: own.TRUSTED_ORIGINS ?? otherNameOf(instance.publicBaseUrl),
          GATEWAY_SIGNING_KEY: JSON.stringify(instance.keys.signingKeys.gateway),
        }
      : serviceSettings(name, instance)),
  }
}

/** A browser that was given the address in numbers is as welcome as one that was given the name. */
function otherNameOf(publicBaseUrl: string): string {
  const url = new URL(publicBaseUrl)
  if (url.hostname !== 'localhost') return ''
  url.hostname = '127.0.0.1'
  return url.origin
}

function serviceSettings(name: ServiceName, { keys, databaseUrls, runtimeDirectory }: Instance): Environment {
  return {
    DATABASE_URL: databaseUrls[name],
    ASSERTION_PUBLIC_KEYS: JSON.stringify(publicKeys(keys)),
    ASSERTION_SIGNING_KEY: JSON.stringify(keys.signingKeys[name]),
    SECRETS_ENCRYPTION_KEY: keys.encryptionKeys[name],
    ...(name === 'runtime' ? { RUNTIME_DATA_DIR: runtimeDirectory } : {}),
  }
}

function natsSettings(name: ProcessName, { nats, keys }: Instance): Environment {
  if ('NATS_URL' in nats) return nats
  return { NATS_URL: nats.url, NATS_CA_FILE: nats.caFile, NATS_NKEY_SEED: keys.natsSeeds[name] }
}

/** Behind a proxy, the processes must still reach each other directly. */
function loopbackPastProxies(settings: Environment): Environment {
  const isProxied = Object.keys(settings).some(name => /^https?_proxy$/i.test(name))
  if (!isProxied) return {}
  const exceptions = [settings.NO_PROXY ?? settings.no_proxy, '127.0.0.1', 'localhost']
  const list = exceptions.filter(entry => entry).join(',')
  return { NO_PROXY: list, no_proxy: list }
}
