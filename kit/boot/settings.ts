/** Settings every service reads alike. The launcher sets them; docs/operations.md lists them. */
import { Type } from '@sinclair/typebox'

export const ProcessSettings = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, description: 'port to listen on' }),
  LOG_LEVEL: Type.String({ default: 'info', description: 'trace, debug, info, warn or error' }),
  NODE_ENV: Type.String({ default: 'development' }),
  NATS_URL: Type.String({ description: 'nats://user:password@host:port' }),
  IDENTITY_URL: Type.String({ description: 'where the identity service answers HTTP' }),
  PROJECTS_URL: Type.String({ description: 'where the projects service answers HTTP' }),
  RUNTIME_URL: Type.String({ description: 'where the runtime service answers HTTP' }),
})

export const ServiceSettings = Type.Object({
  ...ProcessSettings.properties,
  DATABASE_URL: Type.String({ description: "postgres://… with the service's own login role" }),
  ASSERTION_PUBLIC_KEYS: Type.String({ description: 'JSON object: issuer to array of public JWKs' }),
  ASSERTION_SIGNING_KEY: Type.String({ description: 'Ed25519 private JWK with kid' }),
  SECRETS_ENCRYPTION_KEY: Type.Optional(Type.String({ description: '32 bytes, base64' })),
  SECRETS_ENCRYPTION_KEY_PREVIOUS: Type.Optional(Type.String({ description: '32 bytes, base64' })),
})
