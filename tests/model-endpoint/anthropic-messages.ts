/** `POST /v1/messages` (streaming or not) and its token count, as far as the claude CLI uses them. */
import { randomUUID } from 'node:crypto'
import { type JsonObject, objectsOf, textOf } from './json.ts'
import type { ModelRequest } from './openai-responses.ts'
import { eventStream, type ServerSentEvent } from './sse.ts'
import { type Conversation, nextTurn, type Turn, type TurnUsage, usageOf } from './turn.ts'

/** The longest the CLI's Bash tool lets a command run. */
const SHELL_TIMEOUT_MS = 600_000

export function answerMessages({ text, body, extraMessages }: ModelRequest): Response {
  const turn = nextTurn(conversationOf(body), extraMessages)
  const blocks = contentBlocks(turn)
  const usage = usageOf(text, JSON.stringify(blocks))
  const message = {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model: body.model,
    stop_reason: turn.kind === 'shell' ? 'tool_use' : 'end_turn',
    stop_sequence: null,
  }
  if (body.stream === true) return eventStream(messageEvents(message, blocks, usage))
  return Response.json({ ...message, content: blocks, usage: wireUsage(usage) })
}

export function answerTokenCount({ text }: Pick<ModelRequest, 'text'>): Response {
  return Response.json({ input_tokens: usageOf(text, '').input })
}

function conversationOf(body: JsonObject): Conversation {
  const messages = objectsOf(body.messages)
  const lastPrompt = messages.findLastIndex(message => promptOf(message) !== '')
  const lastResult = messages.findLastIndex(message =>
    objectsOf(message.content).some(part => part.type === 'tool_result'),
  )
  return {
    prompt: promptOf(messages[lastPrompt]),
    hasToolResult: lastResult > lastPrompt,
    canRunShell: objectsOf(body.tools).some(tool => tool.name === 'Bash'),
  }
}

/** What the user wrote in a message, without the reminders the CLI adds; '' when it is not the user's. */
function promptOf(message: JsonObject | undefined): string {
  if (message?.role !== 'user') return ''
  if (typeof message.content === 'string') return message.content
  const parts = objectsOf(message.content)
  if (parts.some(part => part.type === 'tool_result')) return ''
  return textOf(parts.filter(part => !/^\s*<[a-z-]+>/.test(String(part.text ?? ''))))
}

function contentBlocks(turn: Turn): JsonObject[] {
  if (turn.kind === 'messages') return turn.texts.map(text => ({ type: 'text', text }))
  const input = { command: turn.command, description: 'Do what was asked', timeout: SHELL_TIMEOUT_MS }
  return [{ type: 'tool_use', id: `toolu_${randomUUID().replaceAll('-', '')}`, name: 'Bash', input }]
}

function* messageEvents(
  message: JsonObject,
  blocks: JsonObject[],
  usage: TurnUsage,
): Iterable<ServerSentEvent> {
  const event = (type: string, fields: JsonObject) => ({ event: type, data: { type, ...fields } })
  const start = {
    ...message,
    content: [],
    stop_reason: null,
    usage: { ...wireUsage(usage), output_tokens: 1 },
  }
  yield event('message_start', { message: start })
  for (const [index, block] of blocks.entries()) {
    const isText = block.type === 'text'
    const opening = isText ? { type: 'text', text: '' } : { ...block, input: {} }
    const delta = isText
      ? { type: 'text_delta', text: block.text }
      : { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
    yield event('content_block_start', { index, content_block: opening })
    yield event('content_block_delta', { index, delta })
    yield event('content_block_stop', { index })
  }
  const { stop_reason, stop_sequence } = message
  yield event('message_delta', {
    delta: { stop_reason, stop_sequence },
    usage: { output_tokens: usage.output },
  })
  yield event('message_stop', {})
}

/** Here the classes are disjoint, unlike in the other API. */
function wireUsage({ input, cached, output }: TurnUsage): JsonObject {
  return {
    input_tokens: input - cached,
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: 0,
    output_tokens: output,
  }
}
