/** Which features make up the runtime service: what clients call, and the worker that runs agents. */
import { join } from 'node:path'
import type { ServiceDefinition, ServiceKit } from '@mogplex/kit/boot/service.ts'
import { openLive } from '@mogplex/kit/bus/live.ts'
import { LIVE_RUNS, WORK_SUBJECT } from '@mogplex/proto/runtime.ts'
import { gitHost, RuntimeSettings, runSettings } from './config.ts'
import { runtimeRetention } from './database/retention.ts'
import { deadLetters, inbox, outbox } from './database/schema.ts'
import { eventRoutes } from './events/routes.ts'
import { runRoutes } from './runs/routes.ts'
import { sandboxAnswers } from './sandboxes/answers.ts'
import { sandboxLimits } from './sandboxes/local/limits/settings.ts'
import { createLocalSandboxProvider } from './sandboxes/local/local.ts'
import { sandboxRoutes } from './sandboxes/routes.ts'
import type { RunDeps } from './worker/deps.ts'
import { executeRun } from './worker/execute-run.ts'
import { obsoleteRunListeners } from './worker/obsolete-runs.ts'
import { startReaper } from './worker/reaper.ts'
import { startWorker } from './worker/worker.ts'

type Kit = ServiceKit<typeof RuntimeSettings>

export const runtimeService: ServiceDefinition<typeof RuntimeSettings> = {
  name: 'runtime',
  settings: RuntimeSettings,
  migrations: join(import.meta.dir, 'database/migrations'),
  tables: { outbox, inbox, deadLetters },
  build: async kit => {
    const deps = await runDeps(kit)
    const worker = startRunWorker(kit, deps)
    const reaper = startReaper(deps)
    const api = {
      ...kit,
      live: deps.live,
      settings: deps.settings,
      now: () => new Date(),
      wakeWorkers: () => deps.live.wake(WORK_SUBJECT),
    }
    return {
      features: [runRoutes(api), eventRoutes(api), sandboxRoutes(api)],
      answers: sandboxAnswers(deps.provider),
      listeners: obsoleteRunListeners,
      retention: runtimeRetention({ eventsKeptDays: kit.config.RUN_EVENTS_RETENTION_DAYS }),
      closers: [async () => reaper.stop(), () => worker.stop(kit.config.SHUTDOWN_GRACE_SECONDS * 1_000)],
    }
  },
}

async function runDeps({ config, log, bus, database, ask, pokeOutbox }: Kit): Promise<RunDeps> {
  const settings = runSettings(config)
  const provider = createLocalSandboxProvider({
    dataDirectory: settings.dataDirectory,
    log,
    limits: sandboxLimits(config),
    useCgroups: config.SANDBOX_CGROUPS === 'auto',
  })
  // A host that cannot isolate agents must say so at the start, not at the first run.
  await provider.check()
  return {
    database,
    ask,
    live: openLive(bus, LIVE_RUNS),
    log,
    provider,
    gitHost: gitHost(config),
    settings,
    pokeOutbox,
  }
}

function startRunWorker({ config, database, log }: Kit, deps: RunDeps) {
  const worker = startWorker({
    database,
    log,
    concurrency: config.WORKER_CONCURRENCY,
    claim: {
      provider: deps.provider.name,
      maxActivePerUser: config.SANDBOX_MAX_ACTIVE_PER_USER,
      leaseSeconds: config.RUN_LEASE_SECONDS,
    },
    shortage: () => deps.provider.shortage(),
    execute: (claim, shutdown) => executeRun(claim, shutdown, deps),
  })
  deps.live.onWake(WORK_SUBJECT, worker.poke)
  return worker
}
