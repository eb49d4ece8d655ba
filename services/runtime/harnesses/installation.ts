/**
 * Installs a harness CLI once per host (runtime spec 3.1, "Version"; spec README, 28): below the instance's
 * own directory, never globally. Several processes may ask at once; one installs, the others wait.
 */
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import type { HarnessInstallation, HarnessPackage } from './harness.ts'
import { withInstallLock } from './install-lock.ts'
import { type Npm, npmInstall, runsAtAll } from './npm-install.ts'

/** The CLI could not be installed; `message` is for people. */
export class InstallFailure extends Error {
  override name = 'InstallFailure'
  readonly code = 'install_failed'
}

export interface InstallOptions {
  npmPackage: HarnessPackage
  /** Exact, such as `1.2.3`. */
  version: string
  /** Where installations of this host live; made when missing. Must be readable by the sandbox's user. */
  directory: string
  /** Called with a line now and then while it takes its time; not at all when it is installed already. */
  onProgress: (line: string) => void
  /** How to call npm; default: the one on the PATH, with a clean environment. */
  npm?: Npm
  /** Stops the wait and the installation. */
  signal?: AbortSignal
}

const EXACT_VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/
/** What is left of an installation that was killed is removed by the next one. */
const UNFINISHED_PREFIX = '.unfinished-'

/** Resolves once the CLI is there. Throws {@link InstallFailure}, or the signal's reason. */
export async function ensureHarnessInstalled(options: InstallOptions): Promise<HarnessInstallation> {
  const { npmPackage, version, directory, signal } = options
  if (!EXACT_VERSION.test(version)) {
    throw new InstallFailure(`${npmPackage.name} needs an exact version such as 1.2.3, not "${version}"`)
  }
  const place = `${directory}/${npmPackage.name.replace('@', '').replace('/', '-')}@${version}`
  const present = await installedAt(place, npmPackage, version)
  if (present) return present

  await mkdir(directory, { recursive: true })
  const waiting = () =>
    options.onProgress(`Waiting for another installation of ${npmPackage.name} ${version}`)
  return withInstallLock(`${place}.lock`, { waiting, signal }, async () => {
    const meanwhile = await installedAt(place, npmPackage, version)
    return meanwhile ?? install(options, place)
  })
}

/** An installation gets its final name only when it is complete, so a program under it is enough proof. */
async function installedAt(
  place: string,
  npmPackage: HarnessPackage,
  version: string,
): Promise<HarnessInstallation | null> {
  for (const program of npmPackage.programs) {
    const file = await stat(`${place}/${program}`).catch(() => null)
    if (file?.isFile()) return { directory: place, version, program }
  }
  return null
}

async function install(
  { npmPackage, version, directory, onProgress, npm, signal }: InstallOptions,
  place: string,
): Promise<HarnessInstallation> {
  const unfinished = `${directory}/${UNFINISHED_PREFIX}${npmPackage.binary}-${randomUUID()}`
  const startedMs = performance.now()
  onProgress(`Installing ${npmPackage.name} ${version}`)
  try {
    await removeUnfinished(directory, npmPackage)
    await mkdir(unfinished)
    // Whatever this process's umask: the sandbox's user reads it.
    await chmod(unfinished, 0o755)
    await writeFile(`${unfinished}/package.json`, '{ "private": true }\n')
    await npmInstall(`${npmPackage.name}@${version}`, unfinished, { onProgress, npm, signal })
    const installed = await installedAt(unfinished, npmPackage, version)
    if (!installed) throw new Error(`it has no program for this machine (linux ${process.arch})`)
    const said = await runsAtAll(`${unfinished}/${installed.program}`, signal)
    onProgress(`Installed ${said} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
    // A directory of that name without its program is the wreck of one.
    await rm(place, { recursive: true, force: true })
    await rename(unfinished, place)
    return { ...installed, directory: place }
  } catch (cause) {
    signal?.throwIfAborted()
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new InstallFailure(`${npmPackage.name} ${version} could not be installed: ${why}`, { cause })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

async function removeUnfinished(directory: string, { binary }: HarnessPackage): Promise<void> {
  const left = (await readdir(directory)).filter(name => name.startsWith(`${UNFINISHED_PREFIX}${binary}-`))
  await Promise.all(left.map(name => rm(`${directory}/${name}`, { recursive: true, force: true })))
}
