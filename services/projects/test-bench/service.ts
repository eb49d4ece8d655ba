/** Projects as tests meet it: the real service on a real Postgres and NATS, called like the gateway calls it. */
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import { startService } from '@mogplex/kit/boot/service.ts'
import { answer, serveAnswers } from '@mogplex/kit/bus/answer.ts'
import { type Asker, createAsker } from '@mogplex/kit/bus/ask.ts'
import { type Bus, openBus } from '@mogplex/kit/bus/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { connectAsAdmin } from '@mogplex/kit/postgres-server/access.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { createTestIssuers, type TestIssuers } from '@mogplex/kit/test-bench/issuers.ts'
import { useNats } from '@mogplex/kit/test-bench/nats.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { serviceClient, type TestCaller } from '@mogplex/kit/test-bench/service-client.ts'
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import { getGithubToken, getUser } from '@mogplex/proto/identity.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import { projectsService } from '../service.ts'

/** 32 bytes of nothing in particular. */
const ENCRYPTION_KEY = Buffer.alloc(32, 9).toString('base64')

const log = createLog({ process: 'test', level: 'silent' })

type Settings = Record<string, string | undefined>

/** An answer, read. `list` is the body where it is an array. */
export interface Answered {
  status: number
  body: Record<string, unknown>
  list: Record<string, unknown>[]
}

/** Starts projects with `settings` over sensible ones, on a database and a NATS server of its own. */
export async function startProjects(settings: Settings = {}) {
  const [postgres, nats, issuers] = await Promise.all([
    usePostgres(),
    useNats({ jetstream: true }),
    createTestIssuers(),
  ])
  const { url, adminUrl } = await postgres.createDatabase('projects')
  const stops: (() => Promise<void>)[] = []
  /** A further replica on the same database and NATS, with other settings. */
  const startReplica = async (different: Settings = {}) => {
    const at = { DATABASE_URL: url, NATS_URL: nats.url }
    const replica = await startOne(issuers, { ...at, ...settings, ...different })
    stops.push(replica.stop)
    return replica
  }

  const githubTokens: GithubTokens = new Map()
  const withoutHostAccess = new Set<string>()
  const identity = await answerAsIdentity({ natsUrl: nats.url, issuers, githubTokens, withoutHostAccess })
  const { baseUrl, call, send } = await startReplica()
  const sql = connectAsAdmin(adminUrl)
  const urls = { identity: baseUrl, projects: baseUrl, runtime: baseUrl }
  const askerOf = async (serviceName: ServiceName): Promise<Asker> => {
    const bus = openBus({ url: nats.url, serviceName, log })
    await new Promise<void>(resolve => bus.onConnect(() => resolve()))
    stops.push(bus.close)
    return createAsker({ bus, sign: await issuers.signAs(serviceName), urls })
  }
  const [ask, askAsIdentity] = await Promise.all([askerOf('runtime'), askerOf('identity')])
  /** The events recorded about a user, oldest first. */
  const eventsOf = async ({ userId }: TestCaller) => {
    const rows = await sql<{ subject: string; payload: Record<string, unknown> }[]>`
      select subject, payload from projects.outbox where user_id = ${userId ?? ''} order by sequence`
    return [...rows]
  }

  const stop = async () => {
    await identity.close()
    for (const stopOne of stops.toReversed()) await stopOne()
    await sql.end()
    await nats.close()
  }
  return {
    call,
    send,
    ask,
    askAsIdentity,
    githubTokens,
    withoutHostAccess,
    sql,
    baseUrl,
    eventsOf,
    startReplica,
    stop,
  }
}

async function startOne(issuers: TestIssuers, settings: Settings) {
  const port = await reservePort()
  const baseUrl = `http://127.0.0.1:${port}`
  const environment = {
    PORT: String(port),
    SECRETS_ENCRYPTION_KEY: ENCRYPTION_KEY,
    GIT_ALLOW_PRIVATE_HOSTS: 'true',
    GIT_ALLOW_HTTP: 'true',
    ...{ IDENTITY_URL: baseUrl, PROJECTS_URL: baseUrl, RUNTIME_URL: baseUrl },
    ...issuers.environmentOf('projects'),
    ...settings,
  }
  const closers = await startService(projectsService, environment, log)
  const send = await serviceClient({ service: 'projects', baseUrl, issuers })
  const call = async (as: TestCaller, method: string, path: string, json?: unknown): Promise<Answered> => {
    const response = await send(method, path, json === undefined ? { as } : { as, json })
    const value: unknown = await response.json()
    return {
      status: response.status,
      body: Array.isArray(value) ? {} : (value as Record<string, unknown>),
      list: Array.isArray(value) ? value : [],
    }
  }
  // Its questions need NATS here: nobody answers as identity by HTTP.
  const isAnswered = async () => {
    const question = { provider: 'git', remote_url: '/nowhere' }
    return (await call(newUser(), 'POST', '/api/repos', question)).status !== 503
  }
  await waitUntil(isAnswered, { limitMs: 30_000 })
  const stop = async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  }
  return { baseUrl, call, send, stop }
}

/** What identity knows of users at GitHub, by user. */
type GithubTokens = Map<string, NonNullable<ReplyOf<typeof getGithubToken>['github']>>

async function answerAsIdentity(options: {
  natsUrl: string
  issuers: TestIssuers
  githubTokens: GithubTokens
  /** Everybody else has it. */
  withoutHostAccess: ReadonlySet<string>
}): Promise<Bus> {
  const bus = openBus({ url: options.natsUrl, serviceName: 'identity', log })
  const publicKeys = JSON.parse(options.issuers.environmentOf('projects').ASSERTION_PUBLIC_KEYS)
  const verify = createAssertionVerifier({ audience: 'identity', issuers: ['projects'], publicKeys })
  const tell = answer(getGithubToken, async ({ userId }) => ({
    github: options.githubTokens.get(userId) ?? null,
  }))
  const describe = answer(getUser, async ({ userId: id }) => ({
    user: {
      ...{ id, email: null, name: null, githubUsername: null, disabled: false },
      commitIdentity: { name: 'agent', email: 'agent@example.test' },
      hostAccess: !options.withoutHostAccess.has(id),
      platformAccess: { ai: true, sandbox: true },
    },
  }))
  serveAnswers({ bus, verify, log, answers: [tell, describe] })
  await new Promise<void>(resolve => bus.onConnect(() => resolve()))
  return bus
}

/** Somebody who has nothing yet. */
export function newUser(): TestCaller & { userId: string } {
  return { userId: newId() }
}

/** The same user, calling with a token. */
export function byToken(user: TestCaller): TestCaller {
  return { ...user, amr: 'pat', keyId: newId() }
}
