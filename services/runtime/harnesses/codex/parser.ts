/** What `codex exec --json` prints, as events (runtime spec 3.2, 5). */
import type { HarnessEvent, HarnessParser, HarnessUsage } from '../harness.ts'
import { countAt, type JsonObject, objectAt, objectsAt, textAt } from '../json-fields.ts'
import { createOpenTools, type ToolCall } from '../open-tools.ts'
import { eventsOfLine } from '../output-line.ts'
import { noUsage, sumOf } from '../token-sums.ts'

export function createCodexParser(): HarnessParser {
  const tools = createOpenTools()
  let usage: HarnessUsage = noUsage()
  let turnEnded = false
  let turnFailed = false
  let lastError: string | null = null

  const fail = (message: string): HarnessEvent[] => {
    // `error` is followed by a `turn.failed` with the same text.
    const isRepeated = message === lastError
    lastError = message
    return isRepeated ? [] : [{ kind: 'error', message }]
  }

  const item = (type: string, item: JsonObject | null): HarnessEvent[] => {
    const text = item?.type === 'agent_message' && type === 'item.completed' ? textAt(item, 'text') : null
    if (text !== null) return [{ kind: 'assistant', text }]
    const warning = item?.type === 'error' && type === 'item.completed' ? textAt(item, 'message') : null
    if (warning !== null) return [{ kind: 'output', text: warning }]
    const call = toolCallOf(item)
    if (!item || !call) return []
    if (type === 'item.started') return tools.start(call)
    return type === 'item.completed' ? tools.finish(call, resultOf(item)) : []
  }

  const event = (line: JsonObject): HarnessEvent[] => {
    const type = textAt(line, 'type') ?? ''
    switch (type) {
      case 'thread.started': {
        const sessionId = textAt(line, 'thread_id')
        return sessionId === null ? [] : [{ kind: 'session', sessionId, model: null }]
      }
      case 'item.started':
      case 'item.completed':
        return item(type, objectAt(line, 'item'))
      case 'turn.completed':
        turnEnded = true
        usage = sumOf(usage, usageOf(objectAt(line, 'usage')))
        // Also "Reconnecting… 1/5" comes as an `error`; a turn that completes has recovered from it.
        if (!turnFailed) lastError = null
        return []
      case 'turn.failed':
        turnFailed = true
        return fail(textAt(objectAt(line, 'error'), 'message') ?? 'The turn failed')
      case 'error':
        return fail(textAt(line, 'message') ?? 'The CLI reported an error')
      default:
        return []
    }
  }

  return {
    line: text => eventsOfLine(text, event),
    end: () => tools.closeAll(),
    usage: () => usage,
    ended: () => turnEnded,
    failed: () => turnFailed || lastError !== null,
  }
}

function toolCallOf(item: JsonObject | null): ToolCall | null {
  const toolCallId = textAt(item, 'id')
  if (!item || toolCallId === null) return null
  switch (item.type) {
    case 'command_execution':
      return { toolCallId, toolName: 'shell', input: { command: textAt(item, 'command') ?? '' } }
    case 'file_change':
      return { toolCallId, toolName: 'apply_patch', input: { changes: objectsAt(item, 'changes') } }
    case 'mcp_tool_call': {
      const toolName = `mcp:${textAt(item, 'server') ?? ''}/${textAt(item, 'tool') ?? ''}`
      return { toolCallId, toolName, input: item.arguments ?? null }
    }
    case 'web_search':
      return { toolCallId, toolName: 'web_search', input: { query: textAt(item, 'query') ?? '' } }
    default:
      return null
  }
}

function resultOf(item: JsonObject): { success: boolean; output: unknown } {
  const exitCode = item.exit_code
  // A web search carries no status; having completed is its success.
  const isCompleted = item.status === undefined || item.status === 'completed'
  const success = isCompleted && (typeof exitCode !== 'number' || exitCode === 0)
  return { success, output: outputOf(item, success) }
}

function outputOf(item: JsonObject, success: boolean): unknown {
  switch (item.type) {
    case 'command_execution': {
      const output = textAt(item, 'aggregated_output') ?? ''
      if (success) return output
      const how = typeof item.exit_code === 'number' ? `Exit code ${item.exit_code}` : String(item.status)
      return output ? `${how}\n${output}` : how
    }
    case 'mcp_tool_call':
      return success
        ? (item.result ?? null)
        : (textAt(objectAt(item, 'error'), 'message') ?? item.error ?? null)
    case 'file_change':
      return { changes: objectsAt(item, 'changes'), status: item.status ?? null }
    default:
      return item.action ?? null
  }
}

/** Codex counts cached and cache-written tokens within the input; ours are disjoint (runtime spec 5). */
function usageOf(usage: JsonObject | null): HarnessUsage {
  const input = countAt(usage, 'input_tokens')
  const cached = countAt(usage, 'cached_input_tokens')
  const written = countAt(usage, 'cache_write_input_tokens')
  return {
    inputTokens: input === null ? null : Math.max(0, input - (cached ?? 0) - (written ?? 0)),
    outputTokens: countAt(usage, 'output_tokens'),
    cacheReadInputTokens: cached,
    cacheCreationInputTokens: written,
    reasoningTokens: countAt(usage, 'reasoning_output_tokens'),
    reportedCostUsd: null,
  }
}
