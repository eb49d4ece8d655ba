/**
 * `npm run bench -- [measurement …] [--rounds=N]`: each measurement lets the
 * product and its peer take turns and prints how they compare. README.md says what the figures mean.
 */
import { cpus, loadavg } from 'node:os'
import { type ModelEndpoint, startModelEndpoint } from '../tests/model-endpoint/endpoint.ts'
import { CACHE_DIRECTORY } from '../tests/model-endpoint/run-cli.ts'
import { OPEN_DOORS } from '../tests/system/accounts.ts'
import { homeWithHarnesses } from '../tests/system/harnesses.ts'
import { type System, startSystem } from '../tests/system/launch.ts'
import { GIT_ROOT } from '../tests/system/repositories.ts'
import { measureEventIntake } from './event-intake.ts'
import { measureEventLatency } from './event-latency.ts'
import { measureAddedLatency } from './gateway/latency.ts'
import { measureReposList } from './gateway/repos-list.ts'
import { measureStreams } from './gateway/streams.ts'
import { measureThroughput } from './gateway/throughput.ts'
import { measureRunOverhead } from './run-overhead.ts'

/** Nothing but our own work; a turn of the quickest hosted models; and a short one of others, with a call or a sentence. */
const TURN_DELAYS_MS = [0, 500, 2_000]

interface Bench {
  /** An instance, started when the first measurement asks for it. */
  instance: () => Promise<{ system: System; endpoint: ModelEndpoint }>
  /** Asked for on the command line. */
  rounds: number | null
}

const MEASUREMENTS: Record<string, (bench: Bench) => Promise<string>> = {
  'gateway-throughput': ({ rounds }) => measureThroughput({ rounds: rounds ?? 10 }),
  'gateway-latency': ({ rounds }) => measureAddedLatency({ rounds: rounds ?? 5 }),
  'gateway-streams': () => measureStreams(),
  'repos-list': ({ rounds }) => measureReposList({ rounds: rounds ?? 3 }),
  'event-intake': ({ rounds }) => measureEventIntake({ rounds: rounds ?? 3 }),
  'event-latency': async ({ instance, rounds }) =>
    measureEventLatency({ system: (await instance()).system, rounds: rounds ?? 2 }),
  'run-overhead': async ({ instance, rounds }) =>
    measureRunOverhead({ ...(await instance()), rounds: rounds ?? 3, delaysMs: TURN_DELAYS_MS }),
}

/** An instance that finds the agent CLIs installed, and whose model provider is the stand-in. */
async function startInstance(endpoint: ModelEndpoint): Promise<System> {
  const env = {
    ...OPEN_DOORS,
    ENABLE_ECHO_HARNESS: 'true',
    LOCAL_GIT_ROOTS: GIT_ROOT,
    OPENAI_BASE_URL: endpoint.openaiBaseUrl,
    ANTHROPIC_BASE_URL: endpoint.anthropicBaseUrl,
  }
  return startSystem({ home: homeWithHarnesses(CACHE_DIRECTORY), env })
}

async function startWithModel() {
  const endpoint = startModelEndpoint()
  return { endpoint, system: await startInstance(endpoint) }
}

function describeMachine(): string {
  const processors = cpus()
  return `${processors.length} × ${processors[0]?.model ?? 'unknown'}, Bun ${Bun.version}`
}

/** Well above the number of processors: the figures say more about what else the machine did. */
function loadOfLastMinute(): string {
  return (loadavg()[0] ?? Number.NaN).toFixed(1)
}

async function main(args: readonly string[]): Promise<void> {
  const rounds = args.flatMap(arg => /^--rounds=([1-9]\d?)$/.exec(arg)?.[1] ?? [])[0]
  const named = args.filter(arg => !arg.startsWith('--rounds='))
  const unknown = named.find(name => !(name in MEASUREMENTS))
  if (unknown)
    throw new Error(`unknown measurement ${unknown}; known are ${Object.keys(MEASUREMENTS).join(', ')}`)
  const loadBefore = loadOfLastMinute()
  console.log(`On ${describeMachine()}`)
  const startedAtMs = performance.now()
  let started: Promise<{ system: System; endpoint: ModelEndpoint }> | undefined
  const instance = () => {
    started ??= startWithModel()
    return started
  }
  const tables: string[] = []
  try {
    for (const [name, measure] of Object.entries(MEASUREMENTS)) {
      if (named.length > 0 && !named.includes(name)) continue
      tables.push(await measure({ instance, rounds: rounds ? Number(rounds) : null }))
    }
  } finally {
    const running = await started
    await running?.system.stop()
    await running?.endpoint.stop()
  }
  console.log(tables.join(''))
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0)
  console.log(`Measured in ${seconds} s, load ${loadBefore} before and ${loadOfLastMinute()} after`)
}

await main(process.argv.slice(2))
