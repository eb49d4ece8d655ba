import { afterEach, beforeEach, expect, test } from 'bun:test'
import { chmod, mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { ensureHarnessInstalled, InstallFailure } from './installation.ts'
import { npmEnvironment } from './npm-install.ts'

/**
 * The real npm with the real packages is tests/model-endpoint/real-cli.test.ts. Here a script stands where
 * npm is called, to see how often and how it is called and to let it fail.
 */
const npmPackage = {
  name: '@scope/tool',
  binary: 'tool',
  programs: ['node_modules/none', 'node_modules/tool'],
}

let directory = ''
let log = ''

beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/mogplex-install-`)
  log = `${directory}/calls`
})

afterEach(() => rm(directory, { recursive: true, force: true }))

async function npmThat(script: string): Promise<string> {
  const path = `${directory}/npm.sh`
  await Bun.write(path, `#!/bin/sh\necho "$@" >> ${log}\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

const installs = `
  sleep 0.4
  mkdir -p node_modules
  printf '#!/bin/sh\\necho tool 1.2.3\\n' > node_modules/tool
  chmod 755 node_modules/tool`

async function ensure(
  script: string,
  options: { version?: string; signal?: AbortSignal; lines?: string[] } = {},
) {
  return ensureHarnessInstalled({
    npmPackage,
    version: options.version ?? '1.2.3',
    directory: `${directory}/harnesses`,
    onProgress: line => options.lines?.push(line),
    npm: { command: [await npmThat(script)], environment: { PATH: '/usr/bin:/bin' } },
    signal: options.signal,
  })
}

const calls = async () => (await Bun.file(log).text()).trim().split('\n')

test('installs once, says so, and is silent the next time', async () => {
  const lines: string[] = []
  const first = await ensure(installs, { lines })
  expect(first.program).toBe('node_modules/tool')
  expect(first.directory).toEndWith('/scope-tool@1.2.3')
  expect(lines[0]).toBe('Installing @scope/tool 1.2.3')
  expect(lines.at(-1)).toMatch(/^Installed tool 1\.2\.3 in /)
  const again: string[] = []
  expect(await ensure(installs, { lines: again })).toEqual(first)
  expect(again).toEqual([])
  expect(await calls()).toHaveLength(1)
  expect((await calls())[0]).toMatch(/^install --ignore-scripts --include=optional .*@scope\/tool@1\.2\.3$/)
})

test('many at once install once', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => ensure(installs)))
  expect(new Set(all.map(one => one.directory)).size).toBe(1)
  expect(await calls()).toHaveLength(1)
})

test('another version is installed besides', async () => {
  await ensure(installs)
  const other = await ensure(installs, { version: '2.0.0-beta.1' })
  expect(other.directory).toEndWith('@2.0.0-beta.1')
  expect(await calls()).toHaveLength(2)
})

test("a failing npm is an install_failed with npm's own words, and leaves nothing behind", async () => {
  const failing = ensure('echo "npm error code E404" >&2; echo "npm error not found" >&2; exit 1')
  const error = await failing.catch(error => error)
  expect(error).toBeInstanceOf(InstallFailure)
  expect(error.code).toBe('install_failed')
  expect(error.message).toContain('code E404 not found')
  expect(await readdir(`${directory}/harnesses`)).toEqual([])
  expect((await ensure(installs)).version).toBe('1.2.3')
})

test.each([
  ['true', 'no program for this machine'],
  [`${installs}; printf '#!/bin/sh\\nexit 1\\n' > node_modules/tool`, 'does not run on this machine'],
])('a package without a working program is an install_failed: %s', async (script, why) => {
  expect((await ensure(script).catch(error => error)).message).toContain(why)
})

test.each(['latest', '1.x', '--global', '1.2.3 evil', ''])('"%s" is no exact version', async version => {
  expect(await ensure(installs, { version }).catch(error => error)).toBeInstanceOf(InstallFailure)
  expect(await Bun.file(log).exists()).toBe(false)
})

test('the lock of a process that is gone is taken over', async () => {
  const place = `${directory}/harnesses/scope-tool@1.2.3`
  await Bun.write(`${place}.lock`, 'somebody else')
  const longAgo = new Date(Date.now() - 60_000)
  await utimes(`${place}.lock`, longAgo, longAgo)
  const lines: string[] = []
  await ensure(installs, { lines })
  expect(lines[0]).toStartWith('Waiting for another installation')
  expect(await stat(`${place}.lock`).catch(() => null)).toBeNull()
})

test('a stopped installation ends npm and throws the reason', async () => {
  const stop = new AbortController()
  const stopped = ensure('sleep 30', { signal: stop.signal, lines: [] }).catch(error => error)
  expect(await waitUntil(() => Bun.file(log).exists(), { limitMs: 20_000 })).toBe(true)
  const reason = new Error('cancelled')
  stop.abort(reason)
  expect(await stopped).toBe(reason)
  expect(await readdir(`${directory}/harnesses`)).toEqual([])
})

test('npm is told where things are and no secret', () => {
  const from = {
    PATH: '/bin',
    HOME: '/h',
    https_proxy: 'p',
    npm_config_registry: 'r',
    DATABASE_URL: 'd',
    NPM_TOKEN: 't',
  }
  expect(npmEnvironment(from)).toEqual({
    PATH: '/bin',
    HOME: '/h',
    https_proxy: 'p',
    npm_config_registry: 'r',
  })
})
