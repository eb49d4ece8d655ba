/** `npm start`: brings everything up, keeps it up, and takes it down in order. */
import { natsLogin } from '@mogplex/kit/bus/nats-settings.ts'
import { ConfigError } from '@mogplex/kit/config.ts'
import { messageOf } from '@mogplex/kit/describe-error.ts'
import { holdFreePort, isPortFree } from '@mogplex/kit/processes/free-port.ts'
import type { ServiceName } from '@mogplex/proto/services.ts'
import type { Environment, Instance, OwnNats } from '../child-environment.ts'
import { type Home, openHome } from '../home.ts'
import { type Keys, loadKeys } from '../keys.ts'
import { endLeftOvers } from '../left-overs.ts'
import { type Lock, takeLock } from '../lock.ts'
import { standardTerminal, type Terminal } from '../log/terminal.ts'
import { PROCESS_NAMES, STOP_PLAN } from '../processes.ts'
import { type GivenNats, readSettings, type Settings } from '../settings.ts'
import { openSocketDirectory, removeSocketDirectory, serviceSocket } from '../sockets.ts'
import { readState } from '../state.ts'
import { stopInOrder } from '../supervisor/stop-in-order.ts'
import { type Crew, createCrew } from './crew.ts'
import { placeInScope } from './delegated-scope.ts'
import { firstSteps, isFirstSignUpAwaited, signUpCodeOf } from './first-steps.ts'
import { createOwnDatabase, openDatabase, ownNats, ownPostgres } from './infrastructure.ts'
import { keepStreams, type StreamKeeper } from './keep-streams.ts'
import { goLastWithoutMemory } from './memory-shortage.ts'
import { addressOf, productProgram } from './product.ts'
import { onStopRequest } from './stop-request.ts'

const READY_LIMIT_MS = 60_000

/** A start that cannot be; the message is one line for the person. */
export class CannotStart extends Error {}

/**
 * Runs until asked to stop, then exits the process: 0 after an orderly stop, 1 when the start failed. `root`
 * is the repository whose entry points are run.
 */
export async function start(options: { root: string; environment: Environment }): Promise<never> {
  const terminal = standardTerminal()
  // Whatever any of the processes writes is for the owner's eyes.
  process.umask(0o077)
  goLastWithoutMemory()
  let running: Running | null = null
  try {
    const settings = readSettings(options.environment, options.root)
    const home = openHome(settings.home)
    const { lock, sockets } = await claimHome(home, settings, terminal)
    const crew = createCrew(home, settings, terminal)
    crew.knows({ socketDirectory: sockets })
    running = { crew, home, sockets, terminal, keepers: [] }
    const stopRequested = onStopRequest(crew.killAll)
    await Promise.race([bringUp(running, { ...options, settings }), stopRequested])
    await stopRequested
    await takeDown(running)
    lock.release()
    process.exit(0)
  } catch (err) {
    if (running) await takeDown(running)
    for (const line of reasonOf(err).split('\n')) console.error(`Cannot start: ${line}`)
    process.exit(1)
  }
}

/**
 * Nothing of ours runs on this home and the gateway's port is free, or this throws. The lock lives as long
 * as somebody refers to it. `sockets` is an empty directory that only we can enter.
 */
async function claimHome(
  home: Home,
  settings: Settings,
  terminal: Terminal,
): Promise<{ lock: Lock; sockets: string }> {
  const lock = takeLock(home.lockFile)
  const earlier = readState(home.stateFile)
  if (!lock) {
    const where = earlier ? ` at ${earlier.baseUrl} (process ${earlier.launcher.pid})` : ''
    throw new CannotStart(
      `Mogplex already runs on ${home.root}${where}. Stop it first, or set MOGPLEX_HOME and PORT for another.`,
    )
  }
  const ended = await endLeftOvers(earlier)
  if (ended.length > 0) terminal.say(`Ended what an earlier start left behind: ${ended.join(', ')}`)
  if (!(await isPortFree(settings.port)))
    throw new CannotStart(`port ${settings.port} is in use. Set PORT to another one.`)
  return { lock, sockets: openSocketDirectory(home, earlier?.socketDirectory ?? null) }
}

/** What has to be taken down again. */
interface Running {
  crew: Crew
  home: Home
  /** The directory of the sockets. */
  sockets: string
  terminal: Terminal
  keepers: StreamKeeper[]
}

interface Start {
  root: string
  environment: Environment
  settings: Settings
}

async function bringUp(running: Running, { root, environment, settings }: Start): Promise<void> {
  const { crew, home, sockets, terminal } = running
  const startedAt = performance.now()
  terminal.say(`Mogplex starts; data, keys and logs are in ${home.root}`)
  const keys = await loadKeys(home.keysFile)
  const [databaseUrls, nats] = await Promise.all([
    bringUpDatabase(running, settings, keys),
    settings.nats ? useGivenNats(running, settings.nats) : bringUpNats(running, keys),
  ])
  const socketOf = (name: ServiceName) => serviceSocket(sockets, name)
  const instance: Instance = {
    keys,
    port: settings.port,
    sockets: { identity: socketOf('identity'), projects: socketOf('projects'), runtime: socketOf('runtime') },
    publicBaseUrl: settings.publicBaseUrl,
    databaseUrls,
    nats,
    runtimeDirectory: home.runtime,
  }
  const placeRuntime = placeInScope({
    isWanted: settings.useCgroups,
    own: environment,
    onTrouble: text => terminal.about('runtime', text),
  })
  const product = { root, instance, own: environment, placeRuntime }
  const starting = PROCESS_NAMES.map(name =>
    crew.start(productProgram(name, product), addressOf(name, instance)),
  )
  await Promise.all(starting.map(program => program.ready(READY_LIMIT_MS)))
  crew.isUp()
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const isAwaited = await isFirstSignUpAwaited(settings.port, environment)
  const code = isAwaited ? signUpCodeOf(environment, keys) : null
  terminal.say(`Ready after ${seconds} s.\n${firstSteps(settings.publicBaseUrl, code)}`)
}

async function bringUpDatabase({ crew, home, sockets }: Running, settings: Settings, keys: Keys) {
  if (settings.databaseUrl) {
    crew.knows({ databaseUrl: settings.databaseUrl })
    return openDatabase(settings.databaseUrl, keys)
  }
  const { program, loginUrl, adminUrl, address } = await ownPostgres(home, keys, sockets)
  crew.knows({ databaseUrl: adminUrl })
  await crew.start(program, address).ready(READY_LIMIT_MS)
  await createOwnDatabase(loginUrl)
  return openDatabase(adminUrl, keys)
}

async function bringUpNats({ crew, home, terminal, keepers }: Running, keys: Keys): Promise<OwnNats> {
  const held = await holdFreePort()
  const { program, url } = ownNats(home, keys, held.port, {
    onTrouble: text => terminal.about('nats', text),
    onKeeper: keeper => keepers.push(keeper),
  })
  crew.knows({ natsUrl: url })
  // Let go of the port just before the program that is to have it starts.
  await crew.start({ ...program, prepare: held.release }, url).ready(READY_LIMIT_MS)
  return { url, caFile: home.natsCertificate.certificate }
}

/** It may be away: the streams are made once it is there. */
function useGivenNats({ crew, terminal, keepers }: Running, nats: GivenNats): GivenNats {
  crew.knows({ natsUrl: nats.NATS_URL })
  keepers.push(keepStreams(natsLogin(nats), text => terminal.about('nats', text)))
  return nats
}

async function takeDown({ crew, home, sockets, terminal, keepers }: Running): Promise<void> {
  terminal.say('Stopping …')
  await stopInOrder(crew.close(), STOP_PLAN)
  await Promise.all(keepers.map(keeper => keeper.close()))
  removeSocketDirectory(home, sockets)
  crew.end()
  terminal.say('Stopped.')
}

/** Of what we say ourselves, the words; of anything else, what may be printed. */
function reasonOf(err: unknown): string {
  return err instanceof CannotStart || err instanceof ConfigError ? err.message : messageOf(err)
}
