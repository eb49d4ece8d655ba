/** What the echo agent prints, as events. */
import type { HarnessEvent, HarnessParser, HarnessUsage } from '../harness.ts'
import { countAt, type JsonObject, textAt } from '../json-fields.ts'
import { createOpenTools } from '../open-tools.ts'
import { eventsOfLine } from '../output-line.ts'
import { noUsage, sumOf } from '../token-sums.ts'

export function createEchoParser(): HarnessParser {
  const tools = createOpenTools()
  let usage: HarnessUsage = noUsage()
  let failed = false

  const event = (line: JsonObject): HarnessEvent[] => {
    const call = {
      toolCallId: textAt(line, 'id') ?? '',
      toolName: 'shell',
      input: { command: textAt(line, 'command') ?? '' },
    }
    switch (line.type) {
      case 'assistant':
        return [{ kind: 'assistant', text: textAt(line, 'text') ?? '' }]
      case 'tool_started':
        return tools.start(call)
      case 'tool_finished':
        return tools.finish(call, { success: line.exitCode === 0, output: textAt(line, 'output') ?? '' })
      case 'usage':
        usage = sumOf(usage, {
          ...noUsage(),
          inputTokens: countAt(line, 'input'),
          outputTokens: countAt(line, 'output'),
        })
        return []
      case 'error':
        failed = true
        return [{ kind: 'error', message: textAt(line, 'message') ?? 'failed' }]
      default:
        return []
    }
  }

  return {
    line: text => eventsOfLine(text, event),
    end: () => tools.closeAll(),
    usage: () => usage,
    ended: () => false,
    failed: () => failed,
  }
}
