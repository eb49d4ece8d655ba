/** Starts the whole product as a person does, as real processes, for tests that look at it from outside. */
import { join } from 'node:path'
import { isListenedOn } from '@mogplex/kit/http/listen-address.ts'
import { fetchFrom, socketPath } from '@mogplex/kit/http/service-address.ts'
import { isNatsAnswering } from '@mogplex/kit/nats-server/server.ts'
import { isStillRunning } from '@mogplex/kit/processes/identity.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { atExit, temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import type { ProcessName, ProgramName } from '@mogplex/local/processes.ts'
import { readState, type State } from '@mogplex/local/state.ts'

export interface System {
  /** Of the gateway, without a slash at the end. */
  baseUrl: string
  home: string
  port: number
  /** What runs now, by name, with pids and addresses, and where the databases are. */
  state: () => State
  /** Asks one process of ours, past the gateway. */
  fetchFrom: (name: ProcessName, path: string, init?: BunFetchRequestInit) => Promise<Response>
  /** `kill -9` of one process; resolves when it is gone, and gives the pid it had. */
  kill: (name: ProgramName) => Promise<number>
  /** Resolves when the named processes (all six by default) run and answer, after a {@link System.kill}. */
  ready: (...names: ProgramName[]) => Promise<void>
  /** `kill -9` of the launcher and nothing else; resolves when it is gone. */
  killLauncher: () => Promise<void>
  /** Ctrl-C; resolves with the exit code. */
  stop: () => Promise<number>
  /** Everything the launcher printed so far. */
  output: () => string
}

export interface Launch {
  /** Settings of the instance, e.g. `{ ENABLE_ECHO_HARNESS: 'true' }`. */
  env?: Record<string, string>
  /** A home to start on again; a new one, removed after the tests, by default. */
  home?: string
  port?: number
  /** The command that starts the launcher; other than ours only in the launcher's own tests. */
  command?: readonly string[]
}

const ALL: readonly ProgramName[] = ['postgres', 'nats', 'identity', 'projects', 'runtime', 'gateway']
const START_LIMIT_MS = 60_000
const ROOT = join(import.meta.dir, '../..')

/**
 * Starts an instance of its own and resolves when everything is ready; throws with the launcher's output
 * when it does not start. Ended at the latest when the tests are over.
 *
 * @example
 * const system = await startSystem({ env: { ENABLE_ECHO_HARNESS: 'true' } })
 * await system.kill('runtime')
 * await system.ready('runtime')
 * await system.stop()
 */
export async function startSystem(launch: Launch = {}): Promise<System> {
  const home = launch.home ?? join(temporaryDirectory('system'), 'home')
  const port = launch.port ?? (await reservePort())
  const launcher = runLauncher({ ...launch, home, port })
  const isOver = () => launcher.child.exitCode !== null || launcher.child.signalCode !== null
  await waitUntil(() => isOver() || /^Ready after/m.test(launcher.output()), { limitMs: START_LIMIT_MS })
  if (isOver() || !/^Ready after/m.test(launcher.output())) {
    launcher.child.kill('SIGTERM')
    throw new Error(`the system did not start:\n${launcher.output()}`)
  }
  const stateFile = join(home, 'state.json')
  const state = () => {
    const found = readState(stateFile)
    if (!found) throw new Error('the system does not run')
    return found
  }
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    home,
    port,
    state,
    output: launcher.output,
    fetchFrom: (name, path, init) => fetchFrom(addressOf(state(), name), path, init),
    kill: name => killProcess(state(), name),
    ready: (...names) => waitForAll(stateFile, names.length > 0 ? names : ALL),
    killLauncher: async () => {
      launcher.child.kill('SIGKILL')
      await launcher.child.exited
    },
    stop: async () => {
      launcher.child.kill('SIGINT')
      return launcher.child.exited
    },
  }
}

/** The launcher with a clean environment: settings of the person who runs the tests must not matter. */
export function runLauncher(launch: Launch & { home: string; port: number }) {
  const command = launch.command ?? [process.execPath, join(ROOT, 'deploy/local/main.ts'), 'start']
  const { PATH, HOME, TMPDIR } = process.env
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    env: { PATH, HOME, TMPDIR, ...launch.env, MOGPLEX_HOME: launch.home, PORT: String(launch.port) },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  // Its children die with it.
  atExit(() => child.kill('SIGKILL'))
  let output = ''
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder()
    for await (const bytes of stream) output += decoder.decode(bytes, { stream: true })
  }
  const outputRead = Promise.all([read(child.stdout), read(child.stderr)])
  const exited = child.exited.then(async code => {
    await outputRead
    return code
  })
  return { child, exited, output: () => output }
}

async function killProcess(state: State, name: ProgramName): Promise<number> {
  const known = state.processes[name]
  if (!known) throw new Error(`${name} does not run`)
  process.kill(known.pid, 'SIGKILL')
  await waitUntil(() => !isStillRunning(known), { limitMs: 30_000, everyMs: 5 })
  return known.pid
}

async function waitForAll(stateFile: string, names: readonly ProgramName[]): Promise<void> {
  const areReady = async () => {
    const processes = readState(stateFile)?.processes ?? {}
    const answers = names.map(async name => {
      const known = processes[name]
      return known !== undefined && isStillRunning(known) && (await answersAt(name, known.address ?? ''))
    })
    return (await Promise.all(answers)).every(isReady => isReady)
  }
  if (!(await waitUntil(areReady, { limitMs: START_LIMIT_MS })))
    throw new Error(`not all of ${names.join(', ')} are ready`)
}

function addressOf({ processes }: State, name: ProcessName): string {
  const { address } = processes[name] ?? {}
  if (!address) throw new Error(`${name} does not run`)
  return address
}

/** The two servers are ready when somebody answers at all; ours say so themselves. */
async function answersAt(name: ProgramName, address: string): Promise<boolean> {
  try {
    if (name === 'postgres') return await isListenedOn(socketPath(address) ?? '')
    if (name === 'nats') return await isNatsAnswering(Number(new URL(address).port))
    const response = await fetchFrom(address, '/readyz', { signal: AbortSignal.timeout(2_000) })
    return response.status === 200
  } catch {
    return false
  }
}
