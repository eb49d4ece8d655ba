import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { type ModelEndpoint, startModelEndpoint } from './endpoint.ts'

let endpoint: ModelEndpoint

beforeEach(() => {
  endpoint = startModelEndpoint()
})

afterEach(() => endpoint.stop())

function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${endpoint.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

/** The `data` of each frame. */
async function frames(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text()
  return text.split('\n\n').flatMap(frame => {
    const data = /^data: (.*)$/m.exec(frame)?.[1]
    return data ? [JSON.parse(data)] : []
  })
}

const user = (text: string) => ({ role: 'user', content: text })

describe('Responses', () => {
  const itemOf = async (tools: object[], input: object[]) => {
    const events = await frames(await post('/v1/responses', { model: 'm', stream: true, tools, input }))
    expect(events[0]?.type).toBe('response.created')
    expect(events.at(-1)?.type).toBe('response.completed')
    return events.find(event => event.type === 'response.output_item.done')?.item as Record<string, unknown>
  }

  test.each([
    ['custom', 'exec', /tools\.exec_command\(\{ cmd: "make it"/],
    ['function', 'exec_command', /"cmd":"make it"/],
    ['function', 'shell_command', /"command":"make it"/],
    ['function', 'shell', /"command":\["bash","-c","make it"\]/],
  ])('calls the shell tool that is offered: %s %s', async (type, name, shape) => {
    const item = await itemOf([{ type, name }], [user('please\nshell: make it\n')])
    expect(item.name).toBe(name)
    expect(String(item.input ?? item.arguments)).toMatch(shape)
  })

  test('says something once the result is there, or without a shell', async () => {
    const result = { type: 'function_call_output', call_id: 'c', output: 'ok' }
    const shell = [{ type: 'function', name: 'shell' }]
    expect((await itemOf(shell, [user('x'), result])).type).toBe('message')
    expect((await itemOf([], [user('x')])).type).toBe('message')
    expect((await itemOf(shell, [user('x'), result, user('and now')])).type).toBe('function_call')
  })
})

describe('Messages', () => {
  const tools = [{ name: 'Bash' }]

  test('one Bash call, then a message', async () => {
    const first = await frames(await post('/v1/messages', { stream: true, tools, messages: [user('hi')] }))
    expect(first.map(frame => frame.type)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(JSON.stringify(first)).toContain('AGENT.md')
    const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'ok' }] }
    const second = await post('/v1/messages', { tools, messages: [user('hi'), result] })
    expect(await second.json()).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text' }] })
  })

  test('counts tokens, and answers requests without tools with text', async () => {
    const count = await post('/v1/messages/count_tokens', { messages: [user('hi')] })
    expect(await count.json()).toEqual({ input_tokens: expect.any(Number) })
    const title = await post('/v1/messages', { messages: [user('a title, please')] })
    expect(await title.json()).toMatchObject({ content: [{ type: 'text' }] })
  })
})

test('lists models where either API has them, and answers HEAD', async () => {
  for (const path of ['/models', '/v1/models']) {
    expect((await fetch(endpoint.url + path)).status).toBe(200)
  }
  expect((await fetch(endpoint.url, { method: 'HEAD' })).status).toBe(200)
  expect((await fetch(`${endpoint.url}/v1/other`)).status).toBe(404)
  expect((await fetch(`${endpoint.url}/v1/messages`, { method: 'POST', body: '[' })).status).toBe(400)
})

test('behaves as told: required key, rate limit, delay, many messages', async () => {
  const body = { messages: [user('hi')] }
  endpoint.behave({ requiredKey: 'right' })
  expect((await post('/v1/messages', body)).status).toBe(401)
  expect((await post('/v1/messages', body, { 'x-api-key': 'wrong' })).status).toBe(401)
  expect((await post('/v1/messages', body, { 'x-api-key': 'right' })).status).toBe(200)
  expect((await post('/v1/messages', body, { authorization: 'Bearer right' })).status).toBe(200)
  endpoint.behave({ requiredKey: null, isRateLimited: true })
  expect((await post('/v1/responses', {})).status).toBe(429)
  endpoint.behave({ isRateLimited: false, extraMessages: 3, delayMs: 50 })
  const startedMs = performance.now()
  const many = (await (await post('/v1/messages', body)).json()) as { content: unknown[] }
  expect(many.content).toHaveLength(4)
  expect(performance.now() - startedMs).toBeGreaterThan(45)
})

test('remembers what was asked, and only whether a key came', async () => {
  await post('/v1/responses?x=1', { model: 'm' }, { authorization: 'Bearer sk-secret' })
  expect(endpoint.requests).toEqual([
    { method: 'POST', path: '/v1/responses', hasKey: true, body: '{"model":"m"}' },
  ])
})
