/** A reader that remembers must read like one that does not, whatever came before. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { MalformedMessage, type RequestHead } from './head.ts'
import { RequestReader } from './read-request.ts'
import { AnswerHeadReader } from './upstream/answer-head.ts'

const REQUESTS = [
  'GET /a HTTP/1.1\r\nHost: h\r\n\r\n',
  'GET /b HTTP/1.1\r\nHost: h\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: i\r\n\r\n',
  'GET /a HTTP/1.0\r\nHost: h\r\n\r\n',
  'GET /a HTTP/2.0\r\nHost: h\r\n\r\n',
  'GET /a HTTP/1.0\r\n\r\n',
  'GET /a HTTP/1.1\r\n\r\n',
  'Host: h\r\n\r\n',
  '\r\nHost: h\r\n\r\n',
  'PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n',
  'PUT /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n',
  'POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n',
  '\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n',
  'GET /a HTTP/1.1\r\nHost: h\r\n',
  'GET /a HTTP/1.1\nHost: h\n\n',
  `GET /long HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(5_000)}\r\n\r\n`,
]
const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length',
  'HTTP/1.1 200 OK\r\nContent Length: 2\r\n\r\n',
  `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(5_000)}\r\n\r\n`,
]

/** Some of `texts` in some order, now and then with one byte changed: what nearly repeats is no repetition. */
const sequences = (texts: string[]) => {
  const flaw = fc.option(fc.tuple(fc.nat(10_000), fc.integer({ min: 0, max: 255 })), { freq: 4 })
  const message = fc.tuple(fc.constantFrom(...texts), flaw).map(([text, changed]) => {
    const bytes = Buffer.from(text, 'latin1')
    if (changed) bytes[changed[0] % bytes.length] = changed[1]
    return bytes
  })
  return fc.array(fc.tuple(message, fc.integer({ min: 1, max: 3 })), { maxLength: 12 })
}

const said = ({ headers, ...head }: RequestHead) => ({ ...head, fields: headers.toText() })

test('a request is read the same after any others, and understood as itself', () => {
  const plain = (reader: RequestReader<string>, bytes: Buffer) => {
    const read = reader.read(bytes)
    if (read.outcome !== 'head') return read
    expect(read.understood).toBe(`${read.head.target} ${read.head.headers.toText()}`)
    return { ...read, head: said(read.head), rest: read.rest.toString('latin1') }
  }
  const newReader = () => new RequestReader(head => `${head.target} ${head.headers.toText()}`)
  fc.assert(
    fc.property(sequences(REQUESTS), sequence => {
      const reader = newReader()
      for (const [bytes, times] of sequence)
        for (let time = 0; time < times; time += 1)
          expect(plain(reader, Buffer.from(bytes))).toEqual(plain(newReader(), bytes))
    }),
    { numRuns: 2_000 },
  )
})

test('an answer’s head is read the same after any others, wherever it begins', () => {
  const newReader = () => new AnswerHeadReader(headers => headers.filter(name => name !== 'connection'))
  const plain = (reader: AnswerHeadReader, bytes: Buffer, start: number) => {
    try {
      const head = reader.read(bytes, start)
      if (!head) return null
      const { status, isOld, isPersistent, byteLength, headers, relayed } = head
      return { status, isOld, isPersistent, byteLength, fields: [headers.toText(), relayed.toText()] }
    } catch (error) {
      if (error instanceof MalformedMessage) return error.message
      throw error
    }
  }
  fc.assert(
    fc.property(sequences(ANSWERS), fc.string(), fc.nat(5), (sequence, body, start) => {
      const reader = newReader()
      for (const [head, times] of sequence) {
        const bytes = Buffer.concat([Buffer.alloc(start, 'y'), head, Buffer.from(body)])
        for (let time = 0; time < times; time += 1)
          expect(plain(reader, bytes, start)).toEqual(plain(newReader(), bytes, start))
      }
    }),
    { numRuns: 500 },
  )
})

test('what is remembered does not change with the bytes it came in', () => {
  const [first = '', second = ''] = REQUESTS
  const reader = new RequestReader(head => head.target)
  const bytes = Buffer.from(first)
  reader.read(bytes)
  bytes.write(second)
  expect(reader.read(Buffer.from(second))).toMatchObject({ understood: '/b' })
  const answers = new AnswerHeadReader(headers => headers)
  const [two = '', three = ''] = ANSWERS
  const answer = Buffer.from(two)
  answers.read(answer, 0)
  answer.write(three)
  expect(answers.read(Buffer.from(three), 0)?.headers.get('content-length')).toBe('3')
})

test('what repeats is understood once, and fields that repeat are the same object', () => {
  const understood: RequestHead[] = []
  const reader = new RequestReader(head => void understood.push(head))
  const [first = '', second = '', third = ''] = REQUESTS
  for (const text of [first, first, first, second, second, first, third]) reader.read(Buffer.from(text))
  expect(understood.map(({ target }) => target)).toEqual(['/a', '/b', '/a', '/a'])
  expect(new Set(understood.slice(0, 3).map(({ headers }) => headers)).size).toBe(1)
  expect(new Set(understood.map(({ headers }) => headers)).size).toBe(2)
})
