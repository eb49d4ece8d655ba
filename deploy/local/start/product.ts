/** The product's own processes as programs to supervise. */
import { join } from 'node:path'
import { fetchFrom, socketAddress } from '@mogplex/kit/http/service-address.ts'
import { tiedToParent } from '@mogplex/kit/processes/tied-to-parent.ts'
import { childEnvironment, type Environment, type Instance } from '../child-environment.ts'
import type { ProcessName } from '../processes.ts'
import type { Program, StartedAs } from '../supervisor/supervise.ts'
import type { Place } from './delegated-scope.ts'

const PROBE_LIMIT_MS = 2_000

/** `root` is the repository, `own` the launcher's environment; `placeRuntime` is asked at each start of the runtime. */
export function productProgram(
  name: ProcessName,
  options: { root: string; instance: Instance; own: Environment; placeRuntime: Place },
): Program {
  const { root, instance, own, placeRuntime } = options
  const folder = name === 'gateway' ? name : join('services', name)
  // An .env file of the repository is the launcher's to read: it may hold what only one child should know.
  const command = [process.execPath, '--no-env-file', join(root, folder, 'main.ts')]
  const environment = childEnvironment(name, instance, own)
  return {
    name,
    command: tiedToParent(command, 'KILL'),
    environment,
    directory: root,
    stopSignal: 'SIGTERM',
    isReady: () => saysReady(addressOf(name, instance)),
    ...(name === 'runtime' ? { startAs: () => startPlaced({ command, environment }, placeRuntime) } : {}),
  }
}

async function startPlaced(plain: StartedAs, place: Place): Promise<StartedAs> {
  const { command, environment } = await place(plain)
  return { command: tiedToParent(command, 'KILL'), environment }
}

/** Where a process of the instance answers HTTP. */
export function addressOf(name: ProcessName, { port, sockets }: Instance): string {
  return name === 'gateway' ? `http://127.0.0.1:${port}` : socketAddress(sockets[name])
}

async function saysReady(address: string): Promise<boolean> {
  try {
    const response = await fetchFrom(address, '/readyz', {
      signal: AbortSignal.timeout(PROBE_LIMIT_MS),
      // A pooled connection to a process that died meanwhile would only fail.
      headers: { connection: 'close' },
      redirect: 'manual',
      proxy: '',
    })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}
