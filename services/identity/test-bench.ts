/** Identity as tests meet it: the real service on a real Postgres and NATS, called like the gateway calls it. */
import { createAssertionVerifier } from '@mogplex/kit/assertion/verifier.ts'
import { startService } from '@mogplex/kit/boot/service.ts'
import { type Answer, serveAnswers } from '@mogplex/kit/bus/answer.ts'
import { type Asker, createAsker } from '@mogplex/kit/bus/ask.ts'
import { type Bus, openBus } from '@mogplex/kit/bus/connect.ts'
import { createLog } from '@mogplex/kit/log.ts'
import { connectAsAdmin } from '@mogplex/kit/postgres-server/access.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { createTestIssuers } from '@mogplex/kit/test-bench/issuers.ts'
import { useNats } from '@mogplex/kit/test-bench/nats.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { usePostgres } from '@mogplex/kit/test-bench/postgres.ts'
import { serviceClient } from '@mogplex/kit/test-bench/service-client.ts'
import { CLIENT_IS_LOCAL_HEADER } from '@mogplex/proto/caller.ts'
import { GATEWAY_ISSUER, type Issuer, type ServiceName } from '@mogplex/proto/services.ts'
import { identityService } from './service.ts'

export const PASSWORD = 'correct horse battery'
/** 32 bytes of nothing in particular. */
export const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64')

type Settings = Record<string, string | undefined>

/** Starts identity with `settings` over sensible ones, on a database and a NATS server of its own. */
export async function startIdentity(settings: Settings = {}) {
  const [postgres, nats, issuers] = await Promise.all([
    usePostgres(),
    useNats({ jetstream: true }),
    createTestIssuers(),
  ])
  const { url, adminUrl } = await postgres.createDatabase('identity')
  const log = createLog({ process: 'test', level: 'silent' })
  const closers: (() => Promise<void>)[] = []

  /** A further replica on the same database and NATS. */
  const startReplica = async (different: Settings = {}) => {
    const port = await reservePort()
    const baseUrl = `http://127.0.0.1:${port}`
    const environment = {
      PORT: String(port),
      PUBLIC_BASE_URL: 'http://mogplex.test',
      AUTH_SIGNUP: 'open',
      SECRETS_ENCRYPTION_KEY: ENCRYPTION_KEY,
      DATABASE_URL: url,
      NATS_URL: nats.url,
      ...{ IDENTITY_URL: baseUrl, PROJECTS_URL: baseUrl, RUNTIME_URL: baseUrl },
      ...issuers.environmentOf('identity'),
      ...settings,
      ...different,
    }
    closers.push(...(await startService(identityService, environment, log)))
    return { baseUrl, call: await serviceClient({ service: 'identity', baseUrl, issuers }) }
  }

  const { baseUrl, call } = await startReplica()
  const sql = connectAsAdmin(adminUrl)
  const openAs = async (serviceName: Issuer) => {
    const opened = openBus({ url: nats.url, serviceName, log })
    await new Promise<void>(resolve => opened.onConnect(() => resolve()))
    closers.push(opened.close)
    return opened
  }
  const buses = new Map<Issuer, Promise<Bus>>()
  const busOf = (issuer: Issuer) => {
    const known = buses.get(issuer) ?? openAs(issuer)
    buses.set(issuer, known)
    return known
  }
  const bus = await busOf(GATEWAY_ISSUER)
  const urls = { identity: baseUrl, projects: baseUrl, runtime: baseUrl }
  /** Asks as the first process the contract allows. */
  const ask: Asker = async (contract, request, context) => {
    const [issuer = GATEWAY_ISSUER] = contract.callers
    const [asking, sign] = await Promise.all([busOf(issuer), issuers.signAs(issuer)])
    return createAsker({ bus: asking, sign, urls })(contract, request, context)
  }

  /**
   * Starts `work` while nothing can be written to `table`, and lets go once `count` transactions wait: all
   * that checked before they wrote have then checked, and the race between them is certain.
   */
  const raceOn = async <T>(table: string, count: number, work: () => Promise<T>): Promise<T> => {
    let racing: Promise<T> | null = null
    await sql.begin(async tx => {
      await tx`lock table ${tx('identity')}.${tx(table)} in share mode`
      racing = work()
      const areWaiting = async () => {
        const [row] = await tx`select count(*)::int as waiting from pg_locks
          where not granted and database = (select oid from pg_database where datname = current_database())`
        return row?.waiting >= count
      }
      if (!(await waitUntil(areWaiting, { limitMs: 20_000, everyMs: 20 }))) throw new Error('nobody waits')
    })
    if (!racing) throw new Error('the work did not start')
    return racing
  }

  /** Answers what identity asks of `service`, until the function it resolves with is called. */
  const answerAs = async (service: ServiceName, answers: Answer[]): Promise<() => Promise<void>> => {
    const asService = await openAs(service)
    const publicKeys = JSON.parse(issuers.environmentOf(service).ASSERTION_PUBLIC_KEYS)
    const verify = createAssertionVerifier({ audience: service, issuers: ['identity'], publicKeys })
    serveAnswers({ bus: asService, verify, log, answers })
    await asService.connection()?.flush()
    return asService.close
  }

  const stop = async () => {
    for (const close of closers.toReversed()) await close()
    await sql.end()
    await nats.close()
  }
  return { call, ask, answerAs, sql, bus, databaseUrl: url, baseUrl, startReplica, raceOn, stop }
}

export type IdentityBench = Awaited<ReturnType<typeof startIdentity>>

let people = 0

/** Signs somebody new up; `cookie` is the session token. */
export async function signUpSomebody({ call }: Pick<IdentityBench, 'call'>, name = 'Ada') {
  people += 1
  const email = `person-${people}@example.test`
  const response = await call('POST', '/api/auth/sign-up/email', {
    json: { email, password: PASSWORD, name },
  })
  if (response.status !== 200) throw new Error(`sign-up: ${response.status} ${await response.text()}`)
  const { user } = (await response.json()) as { user: { id: string } }
  return { userId: user.id, email, token: tokenIn(response) }
}

/** The session token a response sets. */
export function tokenIn(response: Response): string {
  return tokenOfCookie(response.headers.get('set-cookie'))
}

export function tokenOfCookie(cookie: string | null): string {
  const token = cookie?.match(/mogplex_session=([A-Za-z0-9_-]{43});/)?.[1]
  if (!token) throw new Error(`no session cookie in ${cookie}`)
  return token
}

/** What it sends is sent from the machine itself. */
export function fromThisMachine(call: IdentityBench['call']): IdentityBench['call'] {
  return (method, path, request = {}) =>
    call(method, path, { ...request, headers: { ...request.headers, [CLIENT_IS_LOCAL_HEADER]: '1' } })
}

/** Status and body in one, for comparing. */
export async function answerOf(
  response: Response,
): Promise<{ status: number; body: Record<string, unknown> }> {
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
