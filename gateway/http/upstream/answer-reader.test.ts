import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { collectBody } from '../body.ts'
import { MalformedMessage } from '../head.ts'
import { AnswerReader, type UpstreamAnswer } from './answer-reader.ts'

const NOBODY = { pause: () => undefined, resume: () => undefined, cancel: () => undefined }

/** Reads `wire` in pieces of `size` bytes, and then sees the connection end. */
function read(wire: string, { size = wire.length || 1, method = 'GET' } = {}) {
  const told: { answer: UpstreamAnswer | null; isReusable: boolean | null } = {
    answer: null,
    isReusable: null,
  }
  const reader = new AnswerReader({
    relayed: headers => headers,
    producer: NOBODY,
    onAnswer: answer => {
      told.answer = answer
    },
    onDone: isReusable => {
      told.isReusable = isReusable
    },
  })
  reader.expect(method)
  const bytes = Buffer.from(wire, 'latin1')
  for (let at = 0; at < bytes.length && told.isReusable === null; at += size)
    reader.read(bytes.subarray(at, at + size))
  if (told.isReusable === null) reader.closed(new Error('broke off'))
  return told
}

async function textOf(answer: UpstreamAnswer | null): Promise<string | null> {
  if (!answer?.body) return null
  const { body, bodyStart } = answer
  const bytes =
    body instanceof Uint8Array
      ? body.subarray(bodyStart)
      : await collectBody(body, 1_000_000, () => new Error('x'))
  return Buffer.from(bytes).toString('latin1')
}

const LONG = 'y'.repeat(70_000)
const ANSWERS = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello', true],
  ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', null, true],
  ['HTTP/1.1 204 No Content\r\n\r\n', null, true],
  [
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'ok',
    true,
  ],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n', 'abcde', true],
  [`HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n${LONG}`, LONG, true],
  ['HTTP/1.1 200 OK\r\n\r\nuntil the end', 'until the end', null],
  ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 'ok', false],
  ['HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok', false],
] as const

test('an answer is the same, wherever the connection cuts it', async () => {
  for (const [wire, text, isReusable] of ANSWERS) {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: wire.length > 1_000 ? 500 : 1, max: wire.length }), async size => {
        const told = read(wire, { size })
        expect([await textOf(told.answer), told.isReusable]).toEqual([text, isReusable])
      }),
      { numRuns: 40 },
    )
  }
})

test('an answer that is cut short never looks whole', async () => {
  for (const [wire, , isReusable] of ANSWERS.filter(
    ([text, , reusable]) => text.length < 1_000 && reusable !== null,
  )) {
    for (let end = 0; end < wire.length; end += 1) {
      const told = read(wire.slice(0, end))
      expect(told.isReusable).toBeNull()
      if (told.answer) await expect(textOf(told.answer)).rejects.toThrow('broke off')
    }
    expect(read(wire).isReusable).toBe(isReusable)
  }
})

test('bytes behind the answer make the connection useless', () => {
  expect(read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!').isReusable).toBe(false)
})

test('the answer to HEAD has no body, whatever length it tells', () => {
  const told = read('HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n', { method: 'HEAD' })
  expect([told.answer?.body, told.isReusable, told.answer?.headers.get('content-length')]).toEqual([
    null,
    true,
    '70000',
  ])
})

test.each([
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok',
  'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(70_000)}`,
])('%p is refused', wire => {
  expect(() => read(wire)).toThrow(MalformedMessage)
})
