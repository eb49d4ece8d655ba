/**
 * The HTTP side of runtime as a started service, without workers: real Postgres, real NATS, real assertions,
 * and the two services it asks, answering over NATS and over HTTP from plain maps.
 */
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import { startService } from '@mogplex/kit/boot/service.ts'
import { answer, serveAnswers } from '@mogplex/kit/bus/answer.ts'
import { openBus } from '@mogplex/kit/bus/connect.ts'
import { type Live, openLive } from '@mogplex/kit/bus/live.ts'
import { connectDatabase, type Database, type DatabaseConnection } from '@mogplex/kit/database/connect.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { createTestIssuers, type TestIssuers } from '@mogplex/kit/test-bench/issuers.ts'
import { type TestNats, useNats } from '@mogplex/kit/test-bench/nats.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { type ServiceClient, serviceClient } from '@mogplex/kit/test-bench/service-client.ts'
import type { ReplyOf } from '@mogplex/proto/contract.ts'
import { getUser } from '@mogplex/proto/identity.ts'
import { getRepo } from '@mogplex/proto/projects.ts'
import { LIVE_RUNS } from '@mogplex/proto/runtime.ts'
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { deadLetters, inbox, outbox } from '../database/schema.ts'
import { eventRoutes } from '../events/routes.ts'
import { runRoutes } from '../runs/routes.ts'
import { sandboxRoutes } from '../sandboxes/routes.ts'

type Repo = NonNullable<ReplyOf<typeof getRepo>['repo']>
type User = NonNullable<ReplyOf<typeof getUser>['user']>

export interface Replica {
  call: ServiceClient
  baseUrl: string
  stop: () => Promise<void>
}

export interface HttpRuntime extends Replica {
  /** A login of its own, as a second process of the service has. */
  database: Database
  databaseUrl: string
  sql: DatabaseConnection['sql']
  /** Wakes as another process would. */
  live: Live
  /** A user who may start runs, with a repo; both can be changed before they are asked for. */
  addUser: (user?: Partial<User>, repo?: Partial<Repo>) => { userId: string; repoId: string }
  repos: Map<string, Repo & { userId: string }>
  users: Map<string, User>
  /** Runtime's clock, the real one unless it is replaced. */
  clock: { now: () => Date }
  /** How often workers were woken. */
  wakes: { count: number }
  /** How many listen for wakes now, in all replicas: open streams and waiting cancels. */
  listeners: { count: number }
  nats: TestNats
  startReplica: () => Promise<Replica>
  close: () => Promise<void>
}

const log = createLog({ process: 'runtime-test', level: 'silent' })
const MIGRATIONS = new URL('../database/migrations', import.meta.url).pathname

/** Close it after the test file. */
export async function useHttpRuntime(): Promise<HttpRuntime> {
  const [{ createDatabase }, nats, issuers] = await Promise.all([
    usePostgres(),
    useNats({ jetstream: true }),
    createTestIssuers(),
  ])
  const { url } = await createDatabase('runtime')
  const repos: HttpRuntime['repos'] = new Map()
  const users: HttpRuntime['users'] = new Map()
  const state = { clock: { now: () => new Date() }, wakes: { count: 0 }, listeners: { count: 0 } }
  const peers = answerAsPeers({ natsUrl: nats.url, issuers, repos, users })
  const startReplica = () =>
    startHttpService({ url, natsUrl: nats.url, issuers, peerUrls: peers.urls, ...state })
  const first = await startReplica()
  const connection = await connectDatabase({ url, applicationName: 'test', log })
  const bus = openBus({ url: nats.url, serviceName: 'runtime', log })
  // Wakes that a test sends or waits for must not be lost.
  await new Promise<void>(resolve => bus.onConnect(() => resolve()))
  return {
    ...first,
    ...state,
    ...connection,
    databaseUrl: url,
    nats,
    live: openLive(bus, LIVE_RUNS),
    repos,
    users,
    addUser: (user, repo) => {
      const [userId, repoId] = [newId(), newId()]
      users.set(userId, { ...newUser(userId), ...user })
      repos.set(repoId, { userId, ...newRepo(repoId), ...repo })
      return { userId, repoId }
    },
    startReplica,
    close: async () => {
      await first.stop()
      await Promise.all([connection.close(), bus.close(), peers.close()])
      await nats.close()
    },
  }
}

function newUser(id: string): User {
  const platformAccess = { ai: true, sandbox: true }
  const names = { email: null, name: null, githubUsername: null }
  const commitIdentity = { name: 'agent', email: 'agent@example.test' }
  return { id, ...names, disabled: false, hostAccess: true, platformAccess, commitIdentity }
}

function newRepo(id: string): Repo {
  return { id, fullName: 'acme/shop', provider: 'git', defaultBranch: 'trunk', rootDirectory: null }
}

async function startHttpService(options: {
  url: string
  natsUrl: string
  issuers: TestIssuers
  peerUrls: { IDENTITY_URL: string; PROJECTS_URL: string }
  clock: { now: () => Date }
  wakes: { count: number }
  listeners: { count: number }
}): Promise<Replica> {
  const { clock, wakes, listeners, issuers } = options
  const port = await reservePort()
  const closers = await startService(
    {
      name: 'runtime',
      settings: Type.Object({}),
      migrations: MIGRATIONS,
      tables: { outbox, inbox, deadLetters },
      build: kit => {
        const deps = {
          ...kit,
          live: countListeners(openLive(kit.bus, LIVE_RUNS), listeners),
          now: () => clock.now(),
          wakeWorkers: () => {
            wakes.count += 1
          },
          settings: { isEchoEnabled: false },
        }
        return { features: [runRoutes(deps), eventRoutes(deps), sandboxRoutes(deps)], answers: [] }
      },
    },
    {
      PORT: String(port),
      NATS_URL: options.natsUrl,
      DATABASE_URL: options.url,
      ...options.peerUrls,
      RUNTIME_URL: `http://127.0.0.1:${port}`,
      ...issuers.environmentOf('runtime'),
    },
    log,
  )
  const baseUrl = `http://127.0.0.1:${port}`
  return {
    baseUrl,
    call: await serviceClient({ service: 'runtime', baseUrl, issuers }),
    stop: async () => {
      for (const close of closers.splice(0).toReversed()) await close()
    },
  }
}

/** `live`, with how many listen to it now kept in `listeners`. */
export function countListeners(live: Live, listeners: { count: number }): Live {
  return {
    wake: live.wake,
    onWake: (subject, listener) => {
      const stop = live.onWake(subject, listener)
      listeners.count += 1
      let isOpen = true
      return () => {
        if (isOpen) listeners.count -= 1
        isOpen = false
        stop()
      }
    },
  }
}

/**
 * Projects and identity, as far as the start of a run needs them; by HTTP too, since a replica that has just
 * started may not be connected to NATS yet.
 */
function answerAsPeers(options: {
  natsUrl: string
  issuers: TestIssuers
  repos: HttpRuntime['repos']
  users: HttpRuntime['users']
}) {
  const { repos, users, issuers } = options
  const answers = {
    projects: answer(getRepo, async ({ userId, repoId }) => {
      const found = repos.get(repoId)
      if (found?.userId !== userId) return { repo: null }
      const { userId: _, ...repo } = found
      return { repo }
    }),
    identity: answer(getUser, async ({ userId }) => ({ user: users.get(userId) ?? null })),
  }
  const publicKeys = JSON.parse(issuers.environmentOf('runtime').ASSERTION_PUBLIC_KEYS)
  const serve = (serviceName: keyof typeof answers) => {
    const bus = openBus({ url: options.natsUrl, serviceName, log })
    const verify = createAssertionVerifier({ audience: serviceName, issuers: ['runtime'], publicKeys })
    const app = new Elysia()
      .use(serveAnswers({ bus, verify, log, answers: [answers[serviceName]] }))
      .listen({ port: 0, hostname: '127.0.0.1' })
    return { bus, app, url: `http://127.0.0.1:${app.server?.port}` }
  }
  const [identity, projects] = [serve('identity'), serve('projects')]
  return {
    urls: { IDENTITY_URL: identity.url, PROJECTS_URL: projects.url },
    close: async () => {
      for (const { bus, app } of [identity, projects]) await Promise.all([bus.close(), app.stop(true)])
    },
  }
}
