/** Starts a service: settings, database, bus, assertions, features, in one order for all of them. */
import { GATEWAY_ISSUER, type Issuer, SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import type { Static, TObject } from '@sinclair/typebox'
import type { AnyElysia } from 'elysia'
import type { JWK } from 'jose'
import { type AssertionSigner, createAssertionSigner } from '../assertion/signer.ts'
import { createAssertionVerifier, type PublicKeys } from '../assertion/verifier.ts'
import { type Answer, serveAnswers } from '../bus/answer.ts'
import { type Asker, createAsker } from '../bus/ask.ts'
import { type Bus, openBus } from '../bus/connect.ts'
import { type Listener, listen } from '../bus/listen.ts'
import { natsLogin } from '../bus/nats-settings.ts'
import { ConfigError, readConfig } from '../config.ts'
import { connectDatabase, type DatabaseConnection } from '../database/connect.ts'
import { migrate } from '../database/migrate.ts'
import { listenAddress, removeStaleSocket } from '../http/listen-address.ts'
import { requestContext } from '../http/request-context.ts'
import { assertRoutesMatchTable, createServiceApp } from '../http/service-app.ts'
import type { Log } from '../log.ts'
import { startRelay } from '../outbox/relay.ts'
import { messageRetention } from '../outbox/retention.ts'
import type { DeadLettersTable, InboxTable, OutboxTable } from '../outbox/tables.ts'
import { startRetention } from '../retention/prune.ts'
import type { RetentionRule } from '../retention/rule.ts'
import { createSecretBox, type SecretBox } from '../secrets.ts'
import { type Closer, runProcess } from './process.ts'
import { ServiceSettings } from './settings.ts'

/** What a service builds its features from. */
export interface ServiceKit<Settings extends TObject> extends DatabaseConnection {
  config: Readonly<Static<Settings> & Static<typeof ServiceSettings>>
  log: Log
  bus: Bus
  ask: Asker
  secrets: SecretBox
  /** Every route's first plugin: verifies the assertion, gives `context`. */
  context: ReturnType<typeof requestContext>
  /** Publishes recorded facts soon; call after a commit that recorded one. */
  pokeOutbox: () => void
  /** Aborted when the service begins to stop, before HTTP is closed: open streams end on it. */
  stopping: AbortSignal
}

/** What a service is made of. */
export interface ServiceParts {
  features: AnyElysia[]
  answers: Answer[]
  /** Facts of other services it acts on. */
  listeners?: Listener[]
  /** Which of its rows go, and when; those of messages go by rules of their own. */
  retention?: RetentionRule[]
  /** Work in the background, ended before the connections are. */
  closers?: Closer[]
}

export interface ServiceDefinition<Settings extends TObject> {
  name: ServiceName
  /** The service's own settings, beside {@link ServiceSettings}. */
  settings: Settings
  migrations: string
  tables: { outbox: OutboxTable; inbox: InboxTable; deadLetters: DeadLettersTable }
  build: (kit: ServiceKit<Settings>) => Promise<ServiceParts> | ServiceParts
}

/** Never returns while the process lives. `main.ts` of a service is this call. */
export function bootService<Settings extends TObject>(
  definition: ServiceDefinition<Settings>,
): Promise<void> {
  return runProcess(definition.name, log => startService(definition, process.env, log))
}

/** Like {@link bootService} with the environment given and the closers returned: for tests. */
export async function startService<Settings extends TObject>(
  definition: ServiceDefinition<Settings>,
  environment: Record<string, string | undefined>,
  log: Log,
): Promise<Closer[]> {
  const { name } = definition
  const base = readConfig(ServiceSettings, environment)
  if (!base.SOCKET && base.PORT === undefined) throw new ConfigError('PORT: is not set, nor is SOCKET')
  const config = { ...readConfig(definition.settings, environment), ...base }
  const connection = await connectDatabase({ url: config.DATABASE_URL, applicationName: name, log })
  await migrate(connection.sql, { schema: name, folder: definition.migrations })
  const bus = openBus({ ...natsLogin(config), serviceName: name, log })
  const closers: Closer[] = [connection.close, bus.close]

  const publicKeys = parseJson<PublicKeys>('ASSERTION_PUBLIC_KEYS', config.ASSERTION_PUBLIC_KEYS)
  const signingKey = parseJson<JWK>('ASSERTION_SIGNING_KEY', config.ASSERTION_SIGNING_KEY)
  const sign: AssertionSigner = await createAssertionSigner(name, signingKey)
  const verifierFor = (issuers: readonly Issuer[]) =>
    createAssertionVerifier({ audience: name, issuers, publicKeys })
  const relay = startRelay({ bus, database: connection.database, outbox: definition.tables.outbox, log })
  closers.push(relay.stop)

  const stopping = new AbortController()
  const kit: ServiceKit<Settings> = {
    ...connection,
    config,
    log,
    bus,
    ask: createAsker({ bus, sign, urls: urlsOf(config) }),
    secrets: createSecretBox({
      current: config.SECRETS_ENCRYPTION_KEY,
      previous: config.SECRETS_ENCRYPTION_KEY_PREVIOUS,
    }),
    context: requestContext(verifierFor([GATEWAY_ISSUER])),
    pokeOutbox: relay.poke,
    stopping: stopping.signal,
  }
  const parts = await definition.build(kit)
  const verify = verifierFor([GATEWAY_ISSUER, ...SERVICE_NAMES])
  const app = createServiceApp({ name, log, isReady: connection.isReady })
  for (const feature of parts.features) app.use(feature)
  assertRoutesMatchTable(name, app)
  app.use(serveAnswers({ bus, verify, log, answers: parts.answers }))
  closers.push(...(parts.closers ?? []))
  const { database } = connection
  const listeners = parts.listeners ?? []
  const consumers = listeners.map(({ reader }) => reader.consumer)
  const rules = [...messageRetention(definition.tables, consumers), ...(parts.retention ?? [])]
  closers.push(startRetention({ database, log, rules }).stop)
  for (const listener of listeners) {
    closers.push(listen(listener, { bus, database, log, ...definition.tables, afterCommit: relay.poke }).stop)
  }
  if (config.SOCKET) await removeStaleSocket(config.SOCKET)
  app.listen(listenAddress(config))
  closers.push(async () => {
    await Promise.race([app.stop(), Bun.sleep(2_000)])
    // Null once it has stopped; asked again then, Elysia prints a complaint.
    if (app.server) await app.stop(true)
  })
  closers.push(async () => stopping.abort())
  return closers
}

function urlsOf(config: Static<typeof ServiceSettings>): Record<ServiceName, string> {
  return { identity: config.IDENTITY_URL, projects: config.PROJECTS_URL, runtime: config.RUNTIME_URL }
}

/** The shape is checked by the library that uses the key; here only that it is JSON. */
function parseJson<T>(name: string, text: string): T {
  try {
    return JSON.parse(text) as T
  } catch {
    throw new ConfigError(`${name}: is not valid JSON`)
  }
}
