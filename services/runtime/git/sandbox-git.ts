/**
 * Git inside the sandbox, where the checkout is. One shell script per phase: starting a sandboxed process is
 * what costs. Values travel in the environment, never in the text of the script. The settings here keep the
 * checkout's own configuration from spoiling our commands; they are not the wall: whatever the checkout makes
 * git run, it runs without network and without credentials.
 */
import { type SandboxProvider, WORKSPACE_PATH } from '../sandboxes/provider.ts'
import { type GitStopped, throwIfStopped } from './failure.ts'

/** Where a sandbox sees the mirror of its repository. */
export const MIRROR_MOUNT_PATH = '/run/mogplex/mirror.git'

/** Pathspecs of what is never committed: the control directory at any depth, or a file in its place. */
export const CONTROL_PATHSPECS = [':(top,glob)**/.mogplex/**', ':(top,glob)**/.mogplex'] as const

const STOP_GRACE_MS = 1_000
/** Filters of the checkout may hang for ever; a large repository may take its time. */
const TIMEOUT_MS = 10 * 60_000

/** Overrides of the checkout's configuration. */
const SETTINGS: [string, string][] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.sshCommand', 'false'],
  ['credential.helper', ''],
  ['commit.gpgSign', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['submodule.recurse', 'false'],
  ['maintenance.auto', 'false'],
  ['gc.auto', '0'],
  ['protocol.allow', 'never'],
  ['protocol.file.allow', 'always'],
  ['status.showUntrackedFiles', 'normal'],
  ['advice.detachedHead', 'false'],
  // What the checkout has for the agent's own git would start a process for each file.
  ['filter.lfs.clean', ''],
  ['filter.lfs.smudge', ''],
  ['filter.lfs.process', ''],
  ['filter.lfs.required', 'false'],
]

export interface SandboxScript {
  provider: SandboxProvider
  sandboxId: string
  script: string
  env: Record<string, string>
  /** A promise: the script starts at once, and its time counts from when this resolves. */
  stdin?: string | Promise<string>
  /** Shown read-only at {@link MIRROR_MOUNT_PATH}. */
  mirror?: string
  signal: AbortSignal
}

/** A script that runs. */
export interface RunningScript {
  stdout: ReadableStream<Uint8Array>
  stderr: ReadableStream<Uint8Array>
  /** Ends it and everything it started. */
  stop(): Promise<void>
  /** The exit code, null when it was stopped or took too long. Throws {@link GitStopped} after an abort. */
  finish(): Promise<number | null>
}

/** Starts a script in the checkout; it is stopped when the signal is aborted or its time is up. */
export async function startScript(options: SandboxScript): Promise<RunningScript> {
  const { provider, sandboxId, signal } = options
  throwIfStopped(signal)
  const child = await provider.start(sandboxId, {
    argv: ['sh', '-c', options.script],
    cwd: WORKSPACE_PATH,
    env: { ...gitEnvironment(), ...options.env },
    network: 'none',
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    ...(options.mirror ? { mounts: [{ hostPath: options.mirror, sandboxPath: MIRROR_MOUNT_PATH }] } : {}),
  })
  const stop = () => child.stop(STOP_GRACE_MS)
  const onAbort = () => void stop()
  let isOver = false
  let timer: Timer | undefined
  const startTimer = () => {
    if (!isOver) timer = setTimeout(onAbort, TIMEOUT_MS)
  }
  Promise.resolve(options.stdin).then(startTimer, () => undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    stop,
    async finish() {
      const { exitCode } = await child.exited
      isOver = true
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      throwIfStopped(signal)
      return exitCode
    },
  }
}

function gitEnvironment(): Record<string, string> {
  const env: Record<string, string> = {
    LC_ALL: 'C',
    GIT_DIR: `${WORKSPACE_PATH}/.git`,
    GIT_WORK_TREE: WORKSPACE_PATH,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_EDITOR: 'true',
    GIT_PAGER: 'cat',
    IN_CONTROL: CONTROL_PATHSPECS[0],
    CONTROL: CONTROL_PATHSPECS[1],
    NOT_IN_CONTROL: CONTROL_PATHSPECS[0].replace(':(', ':(exclude,'),
    NOT_CONTROL: CONTROL_PATHSPECS[1].replace(':(', ':(exclude,'),
    GIT_CONFIG_COUNT: String(SETTINGS.length),
  }
  for (const [index, [key, value]] of SETTINGS.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  }
  return env
}

/** Text of a script that lies beside this file; several are one after the other, functions first. */
export async function readScript(...names: string[]): Promise<string> {
  const texts = await Promise.all(names.map(name => Bun.file(new URL(name, import.meta.url)).text()))
  return texts.join('\n')
}
