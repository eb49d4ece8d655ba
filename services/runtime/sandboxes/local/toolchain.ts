/**
 * What the host offers to sandboxes: the programs that build one, and the parts of the file system every
 * sandbox sees read-only. Found once; the host is not expected to change under a running process.
 */
import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hostFilter } from './seccomp/filter.ts'

/** Something of the host's at a path inside: shown read-only, or a link made anew. */
export type RootEntry = { path: string; shows: string } | { path: string; linksTo: string }

export interface Toolchain {
  bubblewrap: string
  setpriv: string
  unshare: string
  /** Whether this process is root; if not, user namespaces give what it takes. */
  isRoot: boolean
  /** The program for the kernel that refuses system calls. */
  filter: Uint8Array<ArrayBuffer>
  /** Whether bubblewrap can bound a tmpfs (0.7 and later). */
  canBoundTmpfs: boolean
  /** Programs, libraries and their settings, in the order in which they are mounted. */
  entries: RootEntry[]
  /** PATH inside. */
  path: string
}

/** Where Node is shown when the host keeps it outside of /usr, as version managers do. */
const NODE_PREFIX = '/opt/node'
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const SYSTEM_DIRECTORIES = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']

/** Settings that programs need to find libraries, certificates, names and times. Nothing with secrets. */
const SETTINGS = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'crypto-policies',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'pki/ca-trust',
  'pki/tls/certs',
  'protocols',
  'services',
  'shells',
  'ssl/certs',
  'ssl/openssl.cnf',
]

/** Throws an Error that names the package to install when a program is missing. */
export async function findToolchain(): Promise<Toolchain> {
  const bubblewrap = await requireProgram('bwrap', 'bubblewrap')
  const setpriv = await requireProgram('setpriv', 'util-linux')
  const unshare = await requireProgram('unshare', 'util-linux')
  const node = await nodeEntries()
  return {
    bubblewrap,
    setpriv,
    unshare,
    isRoot: process.getuid?.() === 0,
    filter: hostFilter(),
    canBoundTmpfs: isAtLeast(await output([bubblewrap, '--version']), 0, 7),
    entries: [...systemEntries(), ...node],
    path: node.length > 0 ? `${NODE_PREFIX}/bin:${SYSTEM_PATH}` : SYSTEM_PATH,
  }
}

async function requireProgram(program: string, debianPackage: string): Promise<string> {
  const path = Bun.which(program)
  if (path) return path
  throw new Error(
    `Sandboxes need ${program}, which is not installed. Install it: apt-get install ${debianPackage}, ` +
      `dnf install ${debianPackage}, or the like.`,
  )
}

function systemEntries(): RootEntry[] {
  const directories = SYSTEM_DIRECTORIES.filter(path => existsSync(path)).map(path =>
    lstatSync(path).isSymbolicLink() ? { path, linksTo: readlinkSync(path) } : { path, shows: path },
  )
  const settings = SETTINGS.map(name => `/etc/${name}`).filter(path => existsSync(path))
  return [{ path: '/usr', shows: '/usr' }, ...directories, ...settings.map(path => ({ path, shows: path }))]
}

/**
 * Node and npm alone, never the prefix they were installed to: that may be somebody's home, and other
 * programs installed there are none of the agent's business. Empty when /usr has them anyway.
 */
async function nodeEntries(): Promise<RootEntry[]> {
  const found = Bun.which('node')
  if (!found) return []
  // Version managers put a shim on the PATH; only Node itself knows where it is.
  const node = realpathSync((await output([found, '--print', 'process.execPath'])).trim())
  if (node.startsWith('/usr/')) return []
  const entries: RootEntry[] = [{ path: `${NODE_PREFIX}/bin/node`, shows: node }]
  const npm = join(dirname(dirname(node)), 'lib/node_modules/npm')
  if (!existsSync(npm)) return entries
  const inside = `${NODE_PREFIX}/lib/node_modules/npm`
  const links = ['npm', 'npx'].map(name => ({
    path: `${NODE_PREFIX}/bin/${name}`,
    linksTo: `${inside}/bin/${name}-cli.js`,
  }))
  return [...entries, { path: inside, shows: realpathSync(npm) }, ...links]
}

async function output(argv: string[]): Promise<string> {
  const child = Bun.spawn(argv, { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  return await new Response(child.stdout).text()
}

function isAtLeast(versionText: string, major: number, minor: number): boolean {
  const [foundMajor = 0, foundMinor = 0] = versionText.replace(/^\D+/, '').split('.').map(Number)
  return foundMajor > major || (foundMajor === major && foundMinor >= minor)
}
