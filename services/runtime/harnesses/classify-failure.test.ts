import { expect, test } from 'bun:test'
import type { FailureCode } from './harness.ts'
import { harnessById } from './registry.ts'

const codex = harnessById('codex', { echoEnabled: false })

const stderrCases: [string, FailureCode][] = [
  ['ERROR: unexpected status 401 Unauthorized', 'model_access_denied'],
  ['Incorrect API key provided: sk-…', 'model_access_denied'],
  ["The model `gpt-9` does not exist or you don't have access to it", 'model_access_denied'],
  ['403 Forbidden', 'model_access_denied'],
  ['last status: 429 Too Many Requests', 'rate_limited'],
  ['Rate limit reached for requests', 'rate_limited'],
  ['overloaded_error', 'rate_limited'],
  ['thread main panicked at src/main.rs:4290', 'command_failed'],
  ['', 'command_failed'],
]

test.each(stderrCases)('stderr "%s" is %s', (stderrTail, code) => {
  expect(codex?.classifyFailure({ stdoutTail: '', stderrTail, exitCode: 1 }).code).toBe(code)
})

test('a failed command names its exit code and the last line of stderr', () => {
  expect(codex?.classifyFailure({ stdoutTail: '', stderrTail: 'one\ntwo\n', exitCode: 7 })).toEqual({
    code: 'command_failed',
    message: 'codex ended with exit code 7: two',
  })
  const killed = codex?.classifyFailure({ stdoutTail: '', stderrTail: '', exitCode: null })
  expect(killed?.message).toBe('codex was ended by a signal')
})

test('what the agent merely talked about is no evidence', () => {
  const said = {
    type: 'item.completed',
    item: { id: 'a', type: 'agent_message', text: 'The server answers 429.' },
  }
  const failed = { type: 'turn.failed', error: { message: 'stream closed' } }
  const stdoutTail = [said, failed].map(line => JSON.stringify(line)).join('\n')
  expect(codex?.classifyFailure({ stdoutTail, stderrTail: '', exitCode: 1 })).toEqual({
    code: 'command_failed',
    message: 'codex ended with exit code 1: stream closed',
  })
})

test('a provider error that comes as JSON is shown by its message, and no text is long', () => {
  const message = JSON.stringify({ error: { message: `Model not\n found: ${'x'.repeat(500)}` } })
  const stdoutTail = JSON.stringify({ type: 'error', message: `unexpected status 404: ${message}` })
  const failure = codex?.classifyFailure({ stdoutTail, stderrTail: '', exitCode: 1 })
  expect(failure?.message).toStartWith(
    'The model provider refused access: unexpected status 404: Model not found: xxx',
  )
  expect(failure?.message.length).toBeLessThanOrEqual(300)
})

test('echo exists only where it is enabled', () => {
  expect(harnessById('echo', { echoEnabled: false })).toBeNull()
  expect(harnessById('echo', { echoEnabled: true })?.id).toBe('echo')
  expect(harnessById('cursor', { echoEnabled: true })).toBeNull()
})
