/** Keeps starts and finishes of tool calls in pairs, whatever the CLI leaves out (runtime spec 3.2). */
import type { HarnessEvent } from './harness.ts'

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
  const open = new Map<string, ToolCall>()

  const start = (call: ToolCall): HarnessEvent[] => {
    if (open.has(call.toolCallId)) return []
    open.set(call.toolCallId, call)
    return [{ kind: 'tool_started', ...call }]
  }
  const close = (call: ToolCall, success: boolean, output: unknown): HarnessEvent => {
    open.delete(call.toolCallId)
    const { toolCallId, toolName } = call
    return { kind: 'tool_finished', toolCallId, toolName, success, output }
  }
  return {
    start,
    finish: (call, { success, output }) => {
      const known = open.get(call.toolCallId)
      return known ? [close(known, success, output)] : [...start(call), close(call, success, output)]
    },
    closeAll: () => [...open.values()].map(call => close(call, false, 'The agent ended before the tool did')),
  }
}
