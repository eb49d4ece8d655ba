/** Keeps starts and finishes of tool calls in pairs, whatever the CLI leaves out (runtime spec 3.2). */
import type { HarnessEvent } from './harness.ts'

/** No agent does as much at once; the start of one more is told with its finish. */
const MAX_OPEN = 1_000
/** Of the ids and names that CLIs give their calls. */
const MAX_NAME_LENGTH = 500

export interface ToolCall {
  toolCallId: string
  toolName: string
  input: unknown
}

export interface OpenTools {
  start(call: ToolCall): HarnessEvent[]
  /** `call` is what is known of it now; where no start came before, both events are yielded. */
  finish(call: ToolCall, result: { success: boolean; output: unknown }): HarnessEvent[]
  /** A failed finish for every call still open. */
  closeAll(): HarnessEvent[]
}

export function createOpenTools(): OpenTools {
  /** Names of the tools by the ids of their calls; what went into a call may be large, and is not kept. */
  const open = new Map<string, string>()

  const opened = (call: ToolCall): HarnessEvent => {
    open.set(call.toolCallId, call.toolName)
    return { kind: 'tool_started', ...call }
  }
  const closed = (toolCallId: string, toolName: string, success: boolean, output: unknown): HarnessEvent => {
    open.delete(toolCallId)
    return { kind: 'tool_finished', toolCallId, toolName, success, output }
  }
  return {
    start: call => {
      const named = withShortNames(call)
      return open.has(named.toolCallId) || open.size >= MAX_OPEN ? [] : [opened(named)]
    },
    finish: (call, { success, output }) => {
      const named = withShortNames(call)
      const { toolCallId, toolName } = named
      const known = open.get(toolCallId)
      return known === undefined
        ? [opened(named), closed(toolCallId, toolName, success, output)]
        : [closed(toolCallId, known, success, output)]
    },
    closeAll: () =>
      [...open].map(([id, name]) => closed(id, name, false, 'The agent ended before the tool did')),
  }
}

function withShortNames(call: ToolCall): ToolCall {
  return {
    ...call,
    toolCallId: call.toolCallId.slice(0, MAX_NAME_LENGTH),
    toolName: call.toolName.slice(0, MAX_NAME_LENGTH),
  }
}
