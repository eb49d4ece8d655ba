/** What `claude -p --output-format stream-json` prints, as events (runtime spec 3.2, 5). */
import type { HarnessEvent, HarnessParser, HarnessUsage } from '../harness.ts'
import { amountAt, countAt, type JsonObject, objectAt, objectsAt, textAt } from '../json-fields.ts'
import { createOpenTools } from '../open-tools.ts'
import { eventsOfLine } from '../output-line.ts'
import { noUsage } from '../token-sums.ts'

/** What the CLI calls itself where it says something in the model's place. */
const SYNTHETIC_MODEL = '<synthetic>'

export function createClaudeCodeParser(): HarnessParser {
  const tools = createOpenTools()
  let usage: HarnessUsage = noUsage()
  let ended = false
  let failed = false

  const assistantBlock = (block: JsonObject): HarnessEvent[] => {
    const text = block.type === 'text' ? textAt(block, 'text') : null
    if (text !== null) return [{ kind: 'assistant', text }]
    const toolCallId = block.type === 'tool_use' ? textAt(block, 'id') : null
    if (toolCallId === null) return []
    return tools.start({
      toolCallId,
      toolName: textAt(block, 'name') ?? 'unknown',
      input: block.input ?? null,
    })
  }

  const userBlock = (block: JsonObject): HarnessEvent[] => {
    const toolCallId = block.type === 'tool_result' ? textAt(block, 'tool_use_id') : null
    if (toolCallId === null) return []
    // A result nobody announced does not say which tool it is of.
    const call = { toolCallId, toolName: 'unknown', input: null }
    return tools.finish(call, { success: block.is_error !== true, output: resultText(block) })
  }

  const event = (line: JsonObject): HarnessEvent[] => {
    const blocks = objectsAt(objectAt(line, 'message'), 'content')
    switch (line.type) {
      case 'system':
        return line.subtype === 'init' ? session(line) : []
      case 'assistant':
        // A provider's refusal also comes as if the agent had said it; the result repeats it as the error.
        if (line.is_api_error_message === true) return []
        return blocks.flatMap(isOfModel(line) ? assistantBlock : ownWords)
      case 'user':
        return blocks.flatMap(userBlock)
      case 'result': {
        ended = true
        usage = usageOf(line)
        failed = line.subtype !== 'success' || line.is_error === true
        return failed ? [{ kind: 'error', message: errorText(line) }] : []
      }
      default:
        return []
    }
  }

  return {
    line: text => eventsOfLine(text, event),
    end: () => tools.closeAll(),
    usage: () => usage,
    ended: () => ended,
    failed: () => failed,
  }
}

/** Not what the CLI answers by itself, without having asked its model. */
function isOfModel(line: JsonObject): boolean {
  return objectAt(line, 'message')?.model !== SYNTHETIC_MODEL
}

function ownWords(block: JsonObject): HarnessEvent[] {
  const text = textAt(block, 'text')
  return text === null ? [] : [{ kind: 'output', text }]
}

function session(line: JsonObject): HarnessEvent[] {
  const sessionId = textAt(line, 'session_id')
  return sessionId === null
    ? []
    : [{ kind: 'session', sessionId, model: storedModelId(textAt(line, 'model')) }]
}

/** The CLI names models without their provider, and marks a long context by a suffix like `[1m]`. */
function storedModelId(model: string | null): string | null {
  if (model === null) return null
  // Bounded: a name that is made of brackets would take the square of its length to search.
  const id = model.slice(0, 500).replace(/\[[^[\]]*\]$/, '')
  return id.includes('/') ? id : `anthropic/${id}`
}

/** Text of a tool's result; parts that are no text are only named. */
function resultText(block: JsonObject): string {
  const { content } = block
  if (typeof content === 'string') return content
  return objectsAt(block, 'content')
    .map(part => textAt(part, 'text') ?? `[${textAt(part, 'type') ?? 'part'}]`)
    .join('\n')
}

/** `result` carries the text; the error subtypes (`error_max_turns`, …) carry a list, or only their name. */
function errorText(line: JsonObject): string {
  const errors = Array.isArray(line.errors) ? line.errors.filter(error => typeof error === 'string') : []
  return (
    textAt(line, 'result') ?? (errors.join('\n') || (textAt(line, 'subtype') ?? 'The CLI reported an error'))
  )
}

/** The figures of the last result are the whole session's; here the token classes are disjoint already. */
function usageOf(line: JsonObject): HarnessUsage {
  const usage = objectAt(line, 'usage')
  return {
    inputTokens: countAt(usage, 'input_tokens'),
    outputTokens: countAt(usage, 'output_tokens'),
    cacheReadInputTokens: countAt(usage, 'cache_read_input_tokens'),
    cacheCreationInputTokens: countAt(usage, 'cache_creation_input_tokens'),
    reasoningTokens: countAt(objectAt(usage, 'output_tokens_details'), 'thinking_tokens'),
    reportedCostUsd: amountAt(line, 'total_cost_usd'),
  }
}
