/** Instances that share installed agent CLIs, so that only the first of them fetches any. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { npmEnvironment } from '../../services/runtime/harnesses/npm-install.ts'

/**
 * A new home whose installations are in `installations`, which outlives it. The instance installs there
 * itself what is missing, by its own means.
 */
export function homeWithHarnesses(installations: string): string {
  const home = join(temporaryDirectory('system'), 'home')
  mkdirSync(join(home, 'runtime'), { recursive: true, mode: 0o700 })
  mkdirSync(installations, { recursive: true })
  symlinkSync(installations, join(home, 'runtime', 'harnesses'))
  return home
}

/** How this machine reaches the registry: proxies, certificates, npm's settings. */
export function registrySettings(): Record<string, string> {
  const { PATH: _, HOME: __, TMPDIR: ___, ...settings } = npmEnvironment(process.env)
  return settings
}
