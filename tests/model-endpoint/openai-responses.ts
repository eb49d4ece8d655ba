/**
 * `POST /v1/responses`, streaming, as far as the codex CLI uses it. Codex offers its shell in several shapes
 * depending on the model: a JavaScript tool `exec` that calls other tools, or a function of its own.
 */
import { randomUUID } from 'node:crypto'
import { type JsonObject, objectsOf, textOf } from './json.ts'
import { eventStream, type ServerSentEvent } from './sse.ts'
import { type Conversation, nextTurn, type Turn, type TurnUsage, usageOf } from './turn.ts'

const SHELL_WAIT_MS = 3_600_000
const TOOL_OUTPUT_TYPES = ['function_call_output', 'custom_tool_call_output', 'local_shell_call_output']

export interface ModelRequest {
  /** The request's body as text. */
  text: string
  body: JsonObject
  extraMessages: number
}

export function answerResponses({ text, body, extraMessages }: ModelRequest): Response {
  const tools = toolsOf(body)
  const turn = nextTurn(conversationOf(body, tools), extraMessages)
  const items = outputItems(turn, tools)
  const usage = usageOf(text, JSON.stringify(items))
  return eventStream(responseEvents(body.model, items, usage))
}

/** Tools come in `tools`, or inside the input as groups (`additional_tools` → `namespace`). */
function toolsOf(body: JsonObject): JsonObject[] {
  const added = objectsOf(body.input).flatMap(item => objectsOf(item.tools))
  return [...objectsOf(body.tools), ...added].flatMap(tool =>
    tool.type === 'namespace' ? objectsOf(tool.tools) : [tool],
  )
}

function conversationOf(body: JsonObject, tools: JsonObject[]): Conversation {
  const input =
    typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : objectsOf(body.input)
  const lastPrompt = input.findLastIndex(isPrompt)
  const lastResult = input.findLastIndex(item => TOOL_OUTPUT_TYPES.includes(String(item.type)))
  return {
    prompt: textOf(input[lastPrompt]?.content),
    hasToolResult: lastResult > lastPrompt,
    canRunShell: shellCall('', tools) !== null,
  }
}

/** Codex puts its own notes into the conversation as user messages, wrapped in a tag. */
function isPrompt(item: JsonObject): boolean {
  return item.role === 'user' && !/^<[a-z_]+>/.test(textOf(item.content).trimStart())
}

function outputItems(turn: Turn, tools: JsonObject[]): JsonObject[] {
  const call = turn.kind === 'shell' ? shellCall(turn.command, tools) : null
  if (call) return [call]
  const texts = turn.kind === 'messages' ? turn.texts : []
  return texts.map(text => ({
    type: 'message',
    id: `msg_${randomUUID()}`,
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text, annotations: [] }],
  }))
}

/** The call of whichever shell tool is offered; null when there is none. */
function shellCall(command: string, tools: JsonObject[]): JsonObject | null {
  const offers = (type: string, name: string) => tools.some(tool => tool.type === type && tool.name === name)
  const ids = { id: `fc_${randomUUID()}`, call_id: `call_${randomUUID()}`, status: 'completed' }
  const call = (name: string, args: JsonObject) => ({
    ...ids,
    type: 'function_call',
    name,
    arguments: JSON.stringify(args),
  })
  if (offers('custom', 'exec'))
    return { ...ids, type: 'custom_tool_call', name: 'exec', input: script(command) }
  if (offers('function', 'exec_command')) return call('exec_command', { cmd: command, yield_time_ms: 30_000 })
  if (offers('function', 'shell_command'))
    return call('shell_command', { command, timeout_ms: SHELL_WAIT_MS })
  if (offers('function', 'shell')) {
    return call('shell', { command: ['bash', '-c', command], timeout_ms: SHELL_WAIT_MS })
  }
  return null
}

/** JavaScript for `exec`: runs the command and stays with it however long it takes. */
function script(command: string): string {
  return [
    `// @exec: {"yield_time_ms": ${SHELL_WAIT_MS}}`,
    `let result = await tools.exec_command({ cmd: ${JSON.stringify(command)}, login: false, yield_time_ms: 30000 })`,
    'let output = result.output',
    'while (result.session_id !== undefined) {',
    '  result = await tools.write_stdin({ session_id: result.session_id, yield_time_ms: 300000 })',
    '  output += result.output',
    '}',
    'text({ exit_code: result.exit_code, output })',
  ].join('\n')
}

function* responseEvents(model: unknown, items: JsonObject[], usage: TurnUsage): Iterable<ServerSentEvent> {
  const id = `resp_${randomUUID()}`
  let sequence = 0
  const event = (type: string, fields: JsonObject) => ({
    event: type,
    data: { type, sequence_number: sequence++, ...fields },
  })
  const response = { id, object: 'response', model, created_at: Math.floor(Date.now() / 1000) }
  yield event('response.created', { response: { ...response, status: 'in_progress', output: [] } })
  for (const [index, item] of items.entries()) {
    yield event('response.output_item.added', {
      output_index: index,
      item: { ...item, status: 'in_progress' },
    })
    const text = textOf(item.content)
    if (text) {
      const place = { item_id: item.id, output_index: index, content_index: 0 }
      yield event('response.output_text.delta', { ...place, delta: text })
      yield event('response.output_text.done', { ...place, text })
    }
    yield event('response.output_item.done', { output_index: index, item })
  }
  yield event('response.completed', {
    response: { ...response, status: 'completed', output: items, usage: wireUsage(usage) },
  })
}

function wireUsage({ input, cached, output, reasoning }: TurnUsage): JsonObject {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  }
}
