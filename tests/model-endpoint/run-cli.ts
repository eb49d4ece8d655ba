/**
 * Runs a real agent CLI by a harness's own command, outside of a sandbox: the paths inside a sandbox are put
 * where they are on the host, and the model's address and key are the real ones. What the sandbox adds has tests of its own.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { INSTRUCTIONS_PATH } from '../../services/runtime/harnesses/claude-code/instructions.ts'
import type {
  Harness,
  HarnessEvent,
  HarnessInput,
  HarnessInstallation,
  HarnessUsage,
} from '../../services/runtime/harnesses/harness.ts'
import { ensureHarnessInstalled } from '../../services/runtime/harnesses/installation.ts'
import { readLines } from '../../services/runtime/harnesses/lines.ts'
import { MODEL_ORIGIN, PLACEHOLDER_KEY } from '../../services/runtime/harnesses/model-access.ts'
import { HARNESS_VERSIONS } from '../../services/runtime/harnesses/registry.ts'
import { AGENT_HOME_PATH, WORKSPACE_PATH } from '../../services/runtime/sandboxes/provider.ts'

/** Shared by the whole suite, so that the CLIs are fetched once. */
export const CACHE_DIRECTORY = resolve(
  process.env.MOGPLEX_TEST_CACHE ?? `${import.meta.dir}/../../.mogplex-test-cache`,
)

export async function installForTests(harness: Harness): Promise<HarnessInstallation> {
  if (!harness.npmPackage) throw new Error(`${harness.id} is not installed`)
  return ensureHarnessInstalled({
    npmPackage: harness.npmPackage,
    version: HARNESS_VERSIONS[harness.id],
    directory: CACHE_DIRECTORY,
    onProgress: line => console.log(line),
  })
}

export interface Checkout {
  directory: string
  workspace: string
  home: string
  remove(): Promise<void>
}

/** A fresh git repository and an empty home beside it. */
export async function createCheckout(): Promise<Checkout> {
  const directory = await mkdtemp(`${tmpdir()}/mogplex-cli-`)
  const workspace = `${directory}/workspace`
  const home = `${directory}/home`
  await mkdir(home)
  await Bun.$`git init -q -b main ${workspace}`.quiet()
  return { directory, workspace, home, remove: () => rm(directory, { recursive: true, force: true }) }
}

export interface CliRun {
  events: HarnessEvent[]
  usage: HarnessUsage
  failed: boolean
  exitCode: number | null
  stdout: string[]
  stderr: string
  argv: string[]
}

export async function runCli(
  harness: Harness,
  installation: HarnessInstallation | null,
  input: Omit<HarnessInput, 'rootPath'>,
  { directory, workspace, home }: Checkout,
): Promise<CliRun> {
  const command = harness.command({ ...input, rootPath: WORKSPACE_PATH }, installation)
  const places = [
    [WORKSPACE_PATH, workspace],
    [AGENT_HOME_PATH, home],
    ...command.mounts.map(mount => [mount.sandboxPath, mount.hostPath]),
    // Nobody stands between the CLI and its model here.
    ...command.endpoints.map(({ baseUrl }) => [MODEL_ORIGIN, new URL(baseUrl).origin]),
    [INSTRUCTIONS_PATH, join(directory, 'instructions')],
    [PLACEHOLDER_KEY, input.credential?.key ?? ''],
  ]
  const onHost = (text: string) =>
    places.reduce((path, [inside = '', outside = '']) => path.replaceAll(inside, outside), text)
  for (const file of command.files) {
    await mkdir(dirname(`${home}/${file.path}`), { recursive: true })
    await Bun.write(`${home}/${file.path}`, file.content)
  }
  const argv = command.argv.map(onHost)
  const env = Object.entries(command.env).map(([name, value]) => [name, onHost(value)])
  const child = Bun.spawn(argv, {
    cwd: workspace,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', ...Object.fromEntries(env) },
    stdin: new TextEncoder().encode(command.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const parser = harness.createParser()
  const [lines, stderr] = await Promise.all([
    Array.fromAsync(readLines(child.stdout)),
    new Response(child.stderr).text(),
  ])
  const exitCode = await child.exited
  const stdout = lines.map(line => line.text)
  const events = [...stdout.flatMap(line => parser.line(line)), ...parser.end()]
  return { events, usage: parser.usage(), failed: parser.failed(), exitCode, stdout, stderr, argv }
}
