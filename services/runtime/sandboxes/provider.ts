/**
 * The port every sandbox provider implements (design, "Work"; runtime spec 6).
 *
 * A sandbox is a place with files that live as long as its record, in which processes can be started.
 * Processes see `/workspace` (the checkout), `/home/agent` (HOME, outside the checkout), a private `/tmp`,
 * the host's toolchain read-only, and nothing else of the host. Rules that decide *when* a sandbox is
 * created, paused or destroyed live in `sandboxes.ts`; a provider only knows *how*.
 */

/** Where the checkout is, seen from inside every sandbox. */
export const WORKSPACE_PATH = '/workspace'

/** HOME of processes inside every sandbox. CLI state lives here, never in the checkout. */
export const AGENT_HOME_PATH = '/home/agent'

/** A host directory or file shown read-only inside the sandbox for the life of one process. */
export interface ReadOnlyMount {
  /** Must exist and be readable to every user: the agent's is not this process's. */
  hostPath: string
  /** Absolute, and outside of `/workspace` and `/home/agent`, where the agent could redirect it. */
  sandboxPath: string
}

/**
 * An HTTP service outside that a process reaches at `http://127.0.0.1:<port>`, under the same paths. The
 * credential is put on its requests on the way, outside of the sandbox, which never gets to see it.
 */
export interface ProxiedEndpoint {
  /** On the sandbox's loopback; above 1023, and another one for each endpoint. */
  port: number
  /** Whatever lies below it can be asked for, and nothing else. May be a private address of the host's. */
  baseUrl: string
  credential: EndpointCredential | null
}

/** What replaces every credential that the process itself sends: the header is `prefix` and `secret`. */
export interface EndpointCredential {
  header: string
  prefix: string
  secret: string
}

export interface SandboxCommand {
  /** Program and arguments. Never holds a secret: arguments are visible to the whole host. */
  argv: string[]
  /** Absolute path inside the sandbox. Default `/workspace`. */
  cwd?: string
  /**
   * The whole environment of the process besides PATH, HOME, USER, LOGNAME, LANG, TMPDIR and, with
   * `egress`, the proxy variables, which the provider sets. Names are those a shell can export.
   */
  env?: Record<string, string>
  /**
   * Written to stdin, which is then closed. Absent: stdin is empty. A promise lets the process start before its
   * input is known; one that rejects closes stdin.
   */
  stdin?: string | Promise<string>
  /**
   * `none`: no network at all. `egress`: outgoing connections to public addresses, and `endpoints`; never to
   * the host's loopback or private addresses.
   */
  network: 'none' | 'egress'
  /** Only with `egress`. */
  endpoints?: ProxiedEndpoint[]
  mounts?: ReadOnlyMount[]
}

export interface SandboxExit {
  /**
   * null when a signal ended the process. Providers learn of signals as 128 + n, as shells do, so a
   * program that exits with such a number by itself is taken for one.
   */
  exitCode: number | null
  signal: string | null
  /** Set when the provider ended it, because its sandbox had taken more than it may. */
  exceeded?: LimitExceeded
}

export type SandboxLimit = 'memory' | 'processes' | 'disk' | 'inodes'

export interface LimitExceeded {
  limit: SandboxLimit
  /** For the person whose agent it was: what it took too much of, and what can be done. */
  message: string
}

/** Whether what a sandbox took too much of is still there when nothing runs in it any more. */
export function staysExceeded({ limit }: LimitExceeded): boolean {
  return limit === 'disk' || limit === 'inodes'
}

export interface SandboxProcess {
  stdout: ReadableStream<Uint8Array>
  stderr: ReadableStream<Uint8Array>
  /** Resolves once the whole process tree is gone, never rejects. */
  exited: Promise<SandboxExit>
  /** SIGINT to the whole tree, SIGKILL to what is left after `graceMs`; 0: SIGKILL at once. Resolves once the tree is gone. */
  stop(graceMs: number): Promise<void>
}

export interface SandboxProvider {
  readonly name: string
  /** Resolves when this host can run sandboxes; otherwise throws an Error that says what is missing. */
  check(): Promise<void>
  /** Makes the sandbox's directories. Idempotent. Returns the provider's handle, stored as `sandbox_id`. */
  create(recordId: string): Promise<string>
  /** Whether the sandbox's files exist. */
  exists(sandboxId: string): Promise<boolean>
  /** Throws when the sandbox does not exist or the command cannot be put into one. Read both streams. */
  start(sandboxId: string, command: SandboxCommand): Promise<SandboxProcess>
  /** Ends every process of the sandbox; files stay. Idempotent. */
  pause(sandboxId: string): Promise<void>
  /** Ends every process and removes all files. Idempotent. */
  destroy(sandboxId: string): Promise<void>
  /** Why the provider last ended processes of the record's sandbox; null when it has not since the last `pause`. */
  exceeded(recordId: string): LimitExceeded | null
  /** Bytes of the sandbox's files; 0 without any. Measured anew only if it was used since. */
  diskBytes(sandboxId: string): Promise<number>
  /** What the host lacks, so that no sandbox should start now; null when there is enough. */
  shortage(): string | null
}
