/** Settings every service reads alike. The launcher sets them; docs/operations.md lists them. */
import { Type } from '@sinclair/typebox'
import { NatsSettings } from '../bus/nats-settings.ts'
import { ServiceAddressText } from '../http/service-address.ts'

export const ProcessSettings = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, description: 'port to listen on' }),
  LOG_LEVEL: Type.String({ default: 'info', description: 'trace, debug, info, warn or error' }),
  NODE_ENV: Type.String({ default: 'development' }),
  ...NatsSettings.properties,
  IDENTITY_URL: ServiceAddressText('where the identity service answers HTTP'),
  PROJECTS_URL: ServiceAddressText('where the projects service answers HTTP'),
  RUNTIME_URL: ServiceAddressText('where the runtime service answers HTTP'),
})

export const ServiceSettings = Type.Object({
  ...ProcessSettings.properties,
  PORT: Type.Optional(ProcessSettings.properties.PORT),
  SOCKET: Type.Optional(
    Type.String({ pattern: '^/', description: 'path of a socket to listen on instead of HOST and PORT' }),
  ),
  DATABASE_URL: Type.String({ description: "postgres://… with the service's own login role" }),
  ASSERTION_PUBLIC_KEYS: Type.String({ description: 'JSON object: issuer to array of public JWKs' }),
  ASSERTION_SIGNING_KEY: Type.String({ description: 'Ed25519 private JWK with kid' }),
  SECRETS_ENCRYPTION_KEY: Type.Optional(Type.String({ description: '32 bytes, base64' })),
  SECRETS_ENCRYPTION_KEY_PREVIOUS: Type.Optional(Type.String({ description: '32 bytes, base64' })),
})
