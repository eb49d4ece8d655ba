import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { BodyDecoder } from './body-decoder.ts'
import type { Framing } from './framing.ts'
import { MalformedMessage } from './head.ts'

/** Decodes `wire` as it comes in pieces that end at `cuts`; what is left belongs to somebody else. */
function decode(framing: Framing, wire: Buffer, cuts: readonly number[]) {
  const decoder = new BodyDecoder(framing)
  const body: Buffer[] = []
  const rest: Buffer[] = []
  const ends = [...cuts.map(cut => cut % (wire.length + 1)), wire.length].sort((a, b) => a - b)
  let start = 0
  for (const end of ends) {
    const piece = wire.subarray(start, end)
    const used = decoder.decode(piece, 0, bytes => void body.push(Buffer.from(bytes)))
    rest.push(piece.subarray(used))
    start = end
  }
  return { body: Buffer.concat(body), rest: Buffer.concat(rest).toString(), isDone: decoder.isDone }
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 })
const cuts = fc.array(fc.nat(400), { maxLength: 10 })
const extension = fc.constantFrom('', ';a', ' ; a="b"')
const trailers = fc.constantFrom('', 'X-Sum: 1\r\n', 'A: 1\r\nB:\r\n')

test('chunks give back the body, wherever the connection cuts them, and not a byte of what follows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(bytes, extension), { maxLength: 6 }),
      trailers,
      cuts,
      (chunks, last, where) => {
        const parts = chunks.flatMap(([chunk, more]) => [
          Buffer.from(`${chunk.length.toString(16)}${more}\r\n`),
          chunk,
          Buffer.from('\r\n'),
        ])
        const wire = Buffer.concat([...parts, Buffer.from(`0\r\n${last}\r\nGET /next`)])
        const expected = Buffer.concat(chunks.map(([chunk]) => chunk))
        expect(decode('chunked', wire, where)).toEqual({ body: expected, rest: 'GET /next', isDone: true })
      },
    ),
    { numRuns: 1_000 },
  )
})

test('chunks that come together are handed on as one, so that small ones cost nobody more than large ones', () => {
  const parts: string[] = []
  const wire = Buffer.from(`${'1\r\nx\r\n'.repeat(10_000)}0\r\n\r\n`)
  new BodyDecoder('chunked').decode(wire, 0, bytes => void parts.push(bytes.toString()))
  expect(parts).toEqual(['x'.repeat(10_000)])
})

test('a body of known length ends there; one without an end never does', () => {
  fc.assert(
    fc.property(bytes, cuts, (body, where) => {
      const wire = Buffer.concat([body, Buffer.from('next')])
      expect(decode(body.length, wire, where)).toMatchObject({
        body: Buffer.from(body),
        rest: 'next',
        isDone: true,
      })
      expect(decode('until-close', wire, where)).toMatchObject({ body: wire, rest: '', isDone: false })
    }),
  )
})

test('a body that is cut short is not done', () => {
  const wire = Buffer.from('3\r\nabc\r\n0\r\nX: y\r\n\r\n')
  for (let end = 0; end < wire.length; end += 1)
    expect(decode('chunked', wire.subarray(0, end), []).isDone).toBe(false)
  expect(decode('chunked', wire, []).isDone).toBe(true)
})

test.each([
  '\r\n',
  '-1\r\n',
  '0x3\r\nabc\r\n',
  '3\nabc\r\n',
  '3 \r\nabc\r\n',
  '3\r\nabcd\r\n',
  '3\r\nabc\n0\r\n\r\n',
  '100000000000\r\n',
  '3;\u0000\r\nabc\r\n',
  '0\r\nbad trailer\r\n\r\n',
  '0\r\nA: 1\n\r\n',
  `3;${'x'.repeat(2_000)}`,
  `0\r\n${'A: b\r\n'.repeat(2_000)}`,
])('%j are no chunks', wire => {
  expect(() => decode('chunked', Buffer.from(wire), [])).toThrow(MalformedMessage)
})
