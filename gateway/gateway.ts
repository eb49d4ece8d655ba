/** Puts the gateway together from its parts. */
import { createAssertionSigner } from '@mogplex/kit/assertion/signer.ts'
import type { Closer } from '@mogplex/kit/boot/process.ts'
import { createAsker } from '@mogplex/kit/bus/ask.ts'
import { openBus } from '@mogplex/kit/bus/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { answerStylesheet, STYLESHEET_ROUTE } from '@mogplex/kit/pages/stylesheet.ts'
import { ROUTES, type Route } from '@mogplex/proto/routes.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'
import { createAccessLog } from './access-log.ts'
import { API_STYLESHEET_ROUTE, createApiPage } from './api-page/api-page.ts'
import { type CallerCache, openCallerCache } from './callers/cache/caller-cache.ts'
import { createCronGate } from './callers/cron.ts'
import { createCallerResolver } from './callers/resolve.ts'
import { sessionCookie } from './callers/session.ts'
import { createTestMode } from './callers/test-mode.ts'
import { type GatewayConfig, readGatewayConfig } from './config.ts'
import type { GatewayRow } from './exchange.ts'
import { answerHealth, createReadiness } from './health.ts'
import { createSignInKeys } from './limits/guess-keys.ts'
import { createLimiter, type Limiter } from './limits/limiter.ts'
import { createMemoryLimitStore } from './limits/memory-store.ts'
import { openRedis } from './limits/redis-connection.ts'
import { createRedisLimitStore } from './limits/redis-store.ts'
import { createStreamSlots } from './limits/stream-slots.ts'
import { createMatcher, type Matcher } from './match.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'
import { createProxy } from './proxy/proxy.ts'
import { createBodyReader } from './proxy/request-body.ts'
import { createWatchdog } from './proxy/watchdog.ts'
import { startServer } from './server.ts'

export interface RunningGateway {
  /** Where it listens. */
  url: string
  /** What to close, last started first. */
  closers: Closer[]
}

const OWN_ROWS: readonly GatewayRow[] = [
  { method: 'GET', path: '/healthz', answeredBy: 'healthz' },
  { method: 'GET', path: '/readyz', answeredBy: 'readyz' },
  { method: 'GET', path: STYLESHEET_ROUTE, answeredBy: 'stylesheet' },
  { method: 'GET', path: '/openapi.json', answeredBy: 'openapi' },
  { method: 'GET', path: '/docs', answeredBy: 'docs' },
  { method: 'GET', path: API_STYLESHEET_ROUTE, answeredBy: 'docsStylesheet' },
]

const SWEEP_MS = 10_000
/** Shorter than the process's own limit, so that the connections to the bus still close in order. */
const DRAIN_MS = 7_500

/** Starts listening; throws `ConfigError` for settings that will not do. */
export async function startGateway(
  environment: Record<string, string | undefined>,
  log: Log,
  writeAccessLog: (lines: string) => void = lines => void process.stdout.write(lines),
  routes: readonly Route[] = ROUTES,
): Promise<RunningGateway> {
  const config = await readGatewayConfig(environment, log)
  const sign = await createAssertionSigner(GATEWAY_ISSUER, config.signingKey)
  const bus = openBus({ ...config.nats, serviceName: GATEWAY_ISSUER, log })
  const ask = createAsker({ bus, sign, urls: config.serviceUrls })
  const callerCache = openCallerCache({ bus, ask, log })
  const watchdog = createWatchdog()
  const accessLog = createAccessLog(writeAccessLog)

  const { limiter, stopLimits } = startLimits(config, log)
  const pipeline = createPipeline({
    ...callerParts(config, callerCache.ask, limiter),
    limiter,
    readBody: createBodyReader({ watchdog, limitMs: config.upstreamTimeoutMs }),
    signInKeys: createSignInKeys({ ask, isSecure: config.publicOrigin.startsWith('https:') }),
    createProxy: events =>
      createProxy({
        ...events,
        urls: config.serviceUrls,
        sign,
        watchdog,
        log,
        timeoutMs: config.upstreamTimeoutMs,
        idleTimeoutMs: config.streamIdleTimeoutMs,
        streamSlots: createStreamSlots(config.streamLimits),
        maxRequests: config.maxUpstreamRequests,
      }),
    own: {
      healthz: answerHealth,
      readyz: createReadiness(config.serviceUrls),
      stylesheet: answerStylesheet,
      ...createApiPage(config.publicOrigin),
    },
    publicOrigin: config.publicOrigin,
    trustedOrigins: config.trustedOrigins,
    corsOrigins: config.corsOrigins,
    accessLog,
    reportBug: (exchange, err) =>
      log.error({ event: 'request.failed', rid: exchange.requestId, route: exchange.pattern, err }),
  })
  const match = createMatcher<GatewayRow>([...routes, ...OWN_ROWS])
  const server = serve(config, match, pipeline, log)

  const stopServer = async () => {
    const drained = server.stop()
    pipeline.proxy.endEventStreams()
    await Promise.race([drained, Bun.sleep(DRAIN_MS)])
    server.close()
    pipeline.proxy.close()
    stopLimits()
    watchdog.close()
    accessLog.flush()
  }
  return { url: `http://${config.host}:${server.port}`, closers: [bus.close, callerCache.close, stopServer] }
}

/** Counts in Redis where the settings name one, else in this process; webhooks in this process always. */
function startLimits({ buckets, redisUrl }: GatewayConfig, log: Log) {
  const memory = createMemoryLimitStore()
  const sweeper = setInterval(memory.sweep, SWEEP_MS)
  const redis = redisUrl ? openRedis(redisUrl, log) : null
  const limiter = createLimiter(buckets, redis ? createRedisLimitStore(redis) : memory, memory)
  const stopLimits = () => {
    clearInterval(sweeper)
    redis?.close()
  }
  return { limiter, stopLimits }
}

/** Everything that says who calls. */
function callerParts(config: GatewayConfig, ask: CallerCache['ask'], { countFailure }: Limiter) {
  const cookie = sessionCookie(config.publicOrigin)
  const testMode = createTestMode({ secret: config.testSecret, ask, countFailure })
  return {
    cookie,
    gates: { cron: createCronGate(config.cronSecret, countFailure), testonly: testMode.admit },
    resolveCaller: createCallerResolver({ ask, cookie, testMode, countFailure }),
  }
}

function serve(config: GatewayConfig, match: Matcher<GatewayRow>, pipeline: Pipeline, log: Log) {
  const { host, port, trustedProxies } = config
  const reportBug = (err: unknown) => log.error({ event: 'server.bug', err })
  return startServer({ host, port, match, isTrustedProxy: trustedProxies, pipeline, reportBug })
}
