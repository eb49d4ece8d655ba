/** `npm start`: brings everything up, keeps it up, and takes it down in order. */
import { ConfigError } from '@mogplex/kit/config.ts'
import { type HeldPort, holdFreePort, isPortFree } from '@mogplex/kit/processes/free-port.ts'
import { SERVICE_NAMES } from '@mogplex/proto/services.ts'
import type { Environment, Instance } from '../child-environment.ts'
import { type Home, openHome } from '../home.ts'
import { type Keys, loadKeys } from '../keys.ts'
import { endLeftOvers } from '../left-overs.ts'
import { type Lock, takeLock } from '../lock.ts'
import { standardTerminal, type Terminal } from '../log/terminal.ts'
import { PROCESS_NAMES, STOP_PLAN } from '../processes.ts'
import { readSettings, type Settings } from '../settings.ts'
import { readState } from '../state.ts'
import { stopInOrder } from '../supervisor/stop-in-order.ts'
import type { Program } from '../supervisor/supervise.ts'
import { type Crew, createCrew } from './crew.ts'
import { firstSteps } from './first-steps.ts'
import { createOwnDatabase, openDatabase, ownNats, ownPostgres } from './infrastructure.ts'
import { goLastWithoutMemory } from './memory-shortage.ts'
import { productProgram } from './product.ts'
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
  let crew: Crew | null = null
  try {
    const settings = readSettings(options.environment, options.root)
    const home = openHome(settings.home)
    const lock = await claimHome(home, settings, terminal)
    crew = createCrew(home, settings, terminal)
    const stopRequested = onStopRequest(() => crew?.killAll())
    await Promise.race([bringUp(crew, { ...options, home, settings, terminal }), stopRequested])
    await stopRequested
    await takeDown(crew, terminal)
    lock.release()
    process.exit(0)
  } catch (err) {
    if (crew) await takeDown(crew, terminal)
    for (const line of messageOf(err).split('\n')) console.error(`Cannot start: ${line}`)
    process.exit(1)
  }
}

/**
 * Nothing of ours runs on this home and the gateway's port is free, or this throws. The lock lives as long
 * as somebody refers to it.
 */
async function claimHome(home: Home, settings: Settings, terminal: Terminal): Promise<Lock> {
  const lock = takeLock(home.lockFile)
  if (!lock) {
    const running = readState(home.stateFile)
    const where = running ? ` at ${running.baseUrl} (process ${running.launcher.pid})` : ''
    throw new CannotStart(
      `Mogplex already runs on ${home.root}${where}. Stop it first, or set MOGPLEX_HOME and PORT for another.`,
    )
  }
  const ended = await endLeftOvers(readState(home.stateFile))
  if (ended.length > 0) terminal.say(`Ended what an earlier start left behind: ${ended.join(', ')}`)
  if (!(await isPortFree(settings.port)))
    throw new CannotStart(`port ${settings.port} is in use. Set PORT to another one.`)
  return lock
}

interface Start {
  root: string
  environment: Environment
  home: Home
  settings: Settings
  terminal: Terminal
}

async function bringUp(crew: Crew, options: Start): Promise<void> {
  const { home, settings, terminal } = options
  const startedAt = performance.now()
  terminal.say(`Mogplex starts; data, keys and logs are in ${home.root}`)
  const keys = await loadKeys(home.keysFile)
  const [postgresPort, natsPort] = await Promise.all([holdFreePort(), holdFreePort()])
  const servicePorts = await Promise.all(SERVICE_NAMES.map(holdFreePort))
  const [databaseUrls, natsUrl] = await Promise.all([
    bringUpDatabase(crew, options, keys, postgresPort),
    bringUpNats(crew, options, keys, natsPort),
  ])
  const servicePort = Object.fromEntries(
    SERVICE_NAMES.map((name, index) => [name, servicePorts[index]?.port ?? 0]),
  )
  const instance: Instance = {
    keys,
    ports: { ...servicePort, gateway: settings.port } as Instance['ports'],
    publicBaseUrl: settings.publicBaseUrl,
    databaseUrls,
    natsUrl,
    runtimeDirectory: home.runtime,
  }
  const starting = PROCESS_NAMES.map(name =>
    crew.start(
      onPort(
        productProgram(name, { root: options.root, instance, own: options.environment }),
        servicePorts.find(({ port }) => port === instance.ports[name]),
      ),
      instance.ports[name],
    ),
  )
  await Promise.all(starting.map(program => program.ready(READY_LIMIT_MS)))
  crew.isUp()
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  terminal.say(`Ready after ${seconds} s.\n${firstSteps(settings.publicBaseUrl)}`)
}

/** Lets go of the port just before the program that is to have it starts. */
function onPort(program: Program, held: HeldPort | undefined): Program {
  const prepare = async () => {
    await held?.release()
    await program.prepare?.()
  }
  return { ...program, prepare }
}

async function bringUpDatabase(crew: Crew, { home, settings }: Start, keys: Keys, held: HeldPort) {
  if (settings.databaseUrl) {
    await held.release()
    crew.knows({ databaseUrl: settings.databaseUrl })
    return openDatabase(settings.databaseUrl, keys)
  }
  const { program, serverUrl, adminUrl } = await ownPostgres(home, keys, held.port)
  crew.knows({ databaseUrl: adminUrl })
  await crew.start(onPort(program, held), held.port).ready(READY_LIMIT_MS)
  await createOwnDatabase(serverUrl)
  return openDatabase(adminUrl, keys)
}

async function bringUpNats(
  crew: Crew,
  { home, settings }: Start,
  keys: Keys,
  held: HeldPort,
): Promise<string> {
  if (settings.natsUrl) {
    await held.release()
    crew.knows({ natsUrl: settings.natsUrl })
    return settings.natsUrl
  }
  const { program, url } = ownNats(home, keys, held.port)
  crew.knows({ natsUrl: url })
  await crew.start(onPort(program, held), held.port).ready(READY_LIMIT_MS)
  return url
}

async function takeDown(crew: Crew, terminal: Terminal): Promise<void> {
  terminal.say('Stopping …')
  await stopInOrder(crew.close(), STOP_PLAN)
  crew.end()
  terminal.say('Stopped.')
}

function messageOf(err: unknown): string {
  if (err instanceof CannotStart || err instanceof ConfigError) return err.message
  return err instanceof Error ? err.message : String(err)
}
