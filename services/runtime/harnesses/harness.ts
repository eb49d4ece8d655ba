/**
 * The port every harness implements: one coding-agent CLI, run once in a sandbox (runtime spec 3).
 * A harness is pure: it says what to run and what a line of output means. Spawning, storing and
 * time limits are the worker's.
 */
import type { ProxiedEndpoint, ReadOnlyMount } from '../sandboxes/provider.ts'

export type HarnessId = 'codex' | 'claude-code' | 'echo'

/** How much the agent may do; AUTO unless the run says otherwise (runtime spec 3.1). */
export type HarnessMode = 'AUTO' | 'YOLO' | 'SAFE'

/** A key the harness's model provider accepts, from identity (runtime spec 3.1, "Keys"). */
export interface ModelCredential {
  provider: 'ai_gateway' | 'openai' | 'anthropic'
  key: string
}

export interface HarnessInput {
  prompt: string
  /** Absolute path inside the sandbox in which the agent works. */
  rootPath: string
  mode: HarnessMode
  /** Model id as stored (`openai/…`), or null for the CLI's default. */
  model: string | null
  credential: ModelCredential | null
  /** Base URLs of the instance; the defaults are the providers' own. */
  openaiBaseUrl: string
  anthropicBaseUrl: string
  aiGatewayBaseUrl: string | null
  /** Repository environment (runtime spec 3.1, "Environment"). Loses against what the harness sets. */
  repositoryEnv: Record<string, string>
}

/** What the worker starts in the sandbox. */
export interface HarnessCommand {
  argv: string[]
  env: Record<string, string>
  stdin: string
  mounts: ReadOnlyMount[]
  /** What the process reaches with a credential that it does not have: its model. */
  endpoints: ProxiedEndpoint[]
  /** Written into HOME before the process starts (runtime spec 3.1, "MCP"). */
  files: HarnessFile[]
}

export interface HarnessFile {
  /** Relative to HOME; always below `.mogplex/`, which holds nothing else. Never in the checkout. */
  path: string
  content: string
}

/** Token classes are disjoint; null = not reported (runtime spec 5). */
export interface HarnessUsage {
  inputTokens: number | null
  outputTokens: number | null
  cacheReadInputTokens: number | null
  cacheCreationInputTokens: number | null
  reasoningTokens: number | null
  /** What the CLI itself says it cost, in USD. */
  reportedCostUsd: number | null
}

/** One parsed fact from the CLI's output, in stored event vocabulary (runtime spec 3.2, 4). */
export type HarnessEvent =
  | { kind: 'session'; sessionId: string; model: string | null }
  | { kind: 'assistant'; text: string }
  | { kind: 'tool_started'; toolCallId: string; toolName: string; input: unknown }
  | {
      kind: 'tool_finished'
      toolCallId: string
      toolName: string
      success: boolean
      output: unknown
    }
  | { kind: 'error'; message: string }
  /** `length`: of the whole text, where `text` is only its beginning. */
  | { kind: 'output'; text: string; length?: number }

/** Fed the CLI's stdout line by line (without newlines). Never throws, whatever the line. */
export interface HarnessParser {
  line(text: string): HarnessEvent[]
  /** After the last line: closes tools that are still open with `success: false` (runtime spec 3.2). */
  end(): HarnessEvent[]
  /** Usage so far; every class null when nothing was reported. */
  usage(): HarnessUsage
  /** True once the CLI has said that its turn is over: it is about to end. A hint; it may never come. */
  ended(): boolean
  /** True when the CLI said the turn failed and did not recover; the run fails even on exit code 0. */
  failed(): boolean
}

export type FailureCode =
  | 'model_access_denied'
  | 'rate_limited'
  | 'command_failed'
  | 'timeout'
  | 'idle_timeout'
  | 'sandbox_lost'
  | 'runner_lost'
  | 'install_failed'
  | 'credentials_missing'
  | 'git_sync_failed'
  | 'delivery_failed'

export interface HarnessFailure {
  code: FailureCode
  /** Short and human; becomes the run's `error`. */
  message: string
}

/** The npm package a CLI comes in. */
export interface HarnessPackage {
  name: string
  /** The command's name, for messages. */
  binary: string
  /**
   * Where the native program may lie below an installation's directory, most preferred first. The package's
   * own launcher is a Node script that only looks this up and starts it.
   */
  programs: string[]
}

/** Where an installed CLI lies on the host; null for harnesses that need no installation. */
export interface HarnessInstallation {
  directory: string
  version: string
  /** The native program, relative to `directory`. */
  program: string
}

export interface Harness {
  id: HarnessId
  /** Null when nothing is installed (echo). */
  npmPackage: HarnessPackage | null
  /** Which providers' keys it can use, most preferred first; empty when it needs none. */
  credentialProviders: ModelCredential['provider'][]
  command(input: HarnessInput, installation: HarnessInstallation | null): HarnessCommand
  createParser(): HarnessParser
  /**
   * Names the failure of a process that ended badly, from the last 16,000 characters of stderr, else of
   * what the CLI said went wrong on stdout (runtime spec 3.3).
   */
  classifyFailure(output: { stdoutTail: string; stderrTail: string; exitCode: number | null }): HarnessFailure
}
