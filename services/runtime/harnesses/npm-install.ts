/** One call of npm, and one of what it installed. */
import { readLines } from './lines.ts'

export interface Npm {
  /** Default `['npm']`. */
  command?: string[]
  /** The whole environment of npm; default: {@link npmEnvironment} of this process. */
  environment?: Record<string, string>
}

const TIME_LIMIT_MS = 10 * 60_000
const TICK_MS = 5_000
/** Enough for what went wrong; a package may make npm say more than anybody wants to keep. */
const KEPT_LINES = 100
const VERSION_TIME_LIMIT_MS = 30_000

/**
 * What npm needs of our environment and nothing else: where programs are, its own settings and cache below
 * HOME, proxies and certificates. Services' passwords and keys stay out of third-party code.
 */
export function npmEnvironment(from: Record<string, string | undefined>): Record<string, string> {
  const names =
    /^(?:PATH|HOME|LANG|TMPDIR|npm_config_(?:registry|userconfig|cache|cafile|proxy|https_proxy|noproxy)|(?:https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR))$/i
  const entries = Object.entries(from).filter(([name, value]) => names.test(name) && value !== undefined)
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']))
}

export interface NpmInstallOptions {
  onProgress: (line: string) => void
  npm: Npm | undefined
  signal: AbortSignal | undefined
}

/** Installs `spec` into `directory`. Throws with npm's own last words. */
export async function npmInstall(
  spec: string,
  directory: string,
  { onProgress, npm, signal }: NpmInstallOptions,
): Promise<void> {
  const child = startNpm(spec, directory, npm)
  const limit = AbortSignal.timeout(TIME_LIMIT_MS)
  const stop = signal ? AbortSignal.any([signal, limit]) : limit
  const kill = () => killGroup(child.pid)
  stop.addEventListener('abort', kill)
  if (stop.aborted) kill()
  const startedMs = performance.now()
  const tick = setInterval(() => {
    onProgress(`Still installing ${spec} (${Math.round((performance.now() - startedMs) / 1000)} s)`)
  }, TICK_MS)
  try {
    const words: string[] = []
    for await (const { text } of readLines(child.stderr)) {
      if (text.trim() !== '' && words.length < KEPT_LINES) words.push(text)
    }
    const exitCode = await child.exited
    if (limit.aborted) throw new Error(`npm took longer than ${TIME_LIMIT_MS / 60_000} minutes`)
    if (exitCode !== 0) throw new Error(`npm ended with exit code ${exitCode}: ${reason(words)}`)
  } finally {
    clearInterval(tick)
    stop.removeEventListener('abort', kill)
  }
}

/** In a process group of its own, because npm starts further processes. */
function startNpm(spec: string, directory: string, npm: Npm | undefined) {
  const argv = [
    ...(npm?.command ?? ['npm']),
    'install',
    // The packages' install scripts only move the program we start from where it lies.
    '--ignore-scripts',
    '--include=optional',
    '--prefix',
    directory,
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
    '--loglevel=error',
    spec,
  ]
  return Bun.spawn(['/bin/sh', '-c', 'umask 022; exec "$@"', 'npm', ...argv], {
    cwd: directory,
    env: npm?.environment ?? npmEnvironment(process.env),
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
    detached: true,
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH'
    if (!isGone) throw error
  }
}

/** npm closes with where its log lies; what went wrong comes before. */
function reason(words: string[]): string {
  const telling = words
    .map(word => word.replace(/^npm (?:error|ERR!)\s*/, ''))
    .filter(word => word !== '' && !word.startsWith('A complete log'))
  return telling.slice(0, 3).join(' ').slice(0, 400) || 'it said nothing'
}

/** Starts the program once and returns what it calls itself. Throws when it does not run here. */
export async function runsAtAll(program: string, signal: AbortSignal | undefined): Promise<string> {
  const limit = AbortSignal.timeout(VERSION_TIME_LIMIT_MS)
  const child = Bun.spawn([program, '--version'], {
    env: {},
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  })
  const [said, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited])
  if (exitCode !== 0) throw new Error(`its program does not run on this machine (exit code ${exitCode})`)
  return said.trim()
}
