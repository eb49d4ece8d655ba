/** The programs the product runs that no npm package brings. */
import { existsSync } from 'node:fs'
import { findProgram } from './find-program.mjs'
import { runStep, succeeds } from './run.mjs'

const isLinux = process.platform === 'linux'

/** By program name: the Debian package it is in. */
const NEEDED = {
  git: 'git',
  ssh: 'openssh-client',
  ...(process.env.NATS_URL?.trim() ? {} : { 'nats-server': 'nats-server' }),
  ...(isLinux ? { bwrap: 'bubblewrap', setpriv: 'util-linux', prlimit: 'util-linux' } : {}),
}

/** What `npm test` needs besides, by program name: tests run on real ones. */
const NEEDED_FOR_TESTS = { 'redis-server': 'redis-server', chromium: 'chromium' }

/** What `npm run bench` measures against, and with. */
const NEEDED_FOR_BENCH = { nginx: 'nginx-light', wrk: 'wrk' }

/** We start these ourselves; the packages' own services would listen to others too, open to all. */
const RUN_BY_US = ['nats-server', 'redis-server', 'nginx-light']

/** What to type where we cannot install ourselves, by the package manager that is there. */
const BY_HAND = [
  ['apt-get', packages => `sudo apt-get install ${packages}`],
  ['dnf', packages => `sudo dnf install ${packages} (nats-server: github.com/nats-io/nats-server/releases)`],
  ['pacman', packages => `sudo pacman -S ${packages}`],
  ['apk', packages => `sudo apk add ${packages}`],
  ['brew', packages => `brew install ${packages}`],
]

/**
 * Installs what is missing for an npm script where root or sudo allows it, else throws one line that says
 * what to install.
 */
export async function installPrograms(script) {
  const needed = {
    ...NEEDED,
    ...(script === 'test' && NEEDED_FOR_TESTS),
    ...(script === 'bench' && NEEDED_FOR_BENCH),
  }
  const missing = Object.keys(needed).filter(name => findProgram(name) === null)
  if (missing.length === 0) return
  const packages = [...new Set(missing.map(name => needed[name]))]
  const asRoot = await rightsToInstall()
  if (!asRoot) throw new Error(whatToInstall(missing, packages.join(' ')))
  await installDebianPackages(asRoot, packages)
  const still = missing.filter(name => findProgram(name) === null)
  if (still.length > 0) throw new Error(whatToInstall(still, still.map(name => needed[name]).join(' ')))
}

/** The words to put before apt-get, or null where there is no apt-get or no right to use it unasked. */
async function rightsToInstall() {
  if (!findProgram('apt-get')) return null
  if (process.getuid() === 0) return []
  return findProgram('sudo') && (await succeeds(['sudo', '-n', 'true'])) ? ['sudo', '-n'] : null
}

async function installDebianPackages(asRoot, packages) {
  const aptGet = [
    ...asRoot,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    '-o',
    'DPkg::Lock::Timeout=120',
  ]
  await runStep('Reading the list of Debian packages', [...aptGet, 'update'])
  const install = [...aptGet, 'install', '-y', '--no-install-recommends', ...packages]
  await runStep(`Installing ${packages.join(', ')}`, install)
  if (!existsSync('/run/systemd/system')) return
  for (const name of packages.filter(name => RUN_BY_US.includes(name)))
    await succeeds([...asRoot, 'systemctl', 'disable', '--now', name.replace('-light', '')])
}

function whatToInstall(missing, packages) {
  const known = BY_HAND.find(([manager]) => findProgram(manager))
  const how = known ? `Install with: ${known[1](packages)}` : `Install the packages ${packages}.`
  return `Missing: ${missing.join(', ')}. ${how}`
}
