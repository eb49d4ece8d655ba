import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { readLines } from './lines.ts'

function streamOf(bytes: Uint8Array, cuts: number[]): ReadableStream<Uint8Array> {
  const places = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  const starts = [0, ...places]
  const chunks = starts.map((start, index) => bytes.slice(start, starts[index + 1] ?? bytes.length))
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

async function linesOf(text: string, cuts: number[] = [], maxLength?: number): Promise<string[]> {
  const lines = readLines(streamOf(new TextEncoder().encode(text), cuts), maxLength ? { maxLength } : {})
  return (await Array.fromAsync(lines)).map(line => line.text)
}

const someText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom('\n', '\r\n', '\n\n', 'é', '🦊', '漢'),
    ),
  )
  .map(parts => parts.join(''))

test('any chunking yields the same lines, multi-byte characters cut in half too', async () => {
  await fc.assert(
    fc.asyncProperty(someText, fc.array(fc.nat({ max: 400 }), { maxLength: 30 }), async (text, cuts) => {
      expect(await linesOf(text, cuts)).toEqual(await linesOf(text))
    }),
    { numRuns: 300 },
  )
})

test('the lines are those of the text', async () => {
  await fc.assert(
    fc.asyncProperty(someText, async text => {
      const expected = text.split('\n')
      if (expected.at(-1) === '') expected.pop()
      expect(await linesOf(text)).toEqual(expected.map(line => line.replace(/\r$/, '')))
    }),
    { numRuns: 300 },
  )
})

test('the last line needs no newline', async () => {
  expect(await linesOf('one\ntwo')).toEqual(['one', 'two'])
  expect(await linesOf('one\n')).toEqual(['one'])
  expect(await linesOf('')).toEqual([])
})

test('a line beyond the limit is cut, wherever the chunks end, and the next one is whole', async () => {
  const text = `${'x'.repeat(25)}\nshort\n${'y'.repeat(10)}\r\nz`
  const expected = ['x'.repeat(10), 'short', 'y'.repeat(10), 'z']
  expect(await linesOf(text, [], 10)).toEqual(expected)
  expect(await linesOf(text, [3, 9, 10, 11, 24, 26], 10)).toEqual(expected)
})

test('of a line that was cut it is known how long it was', async () => {
  const stream = streamOf(new TextEncoder().encode(`${'x'.repeat(25)}\r\nshort\n`), [3])
  expect(await Array.fromAsync(readLines(stream, { maxLength: 10 }))).toEqual([
    { text: 'x'.repeat(10), length: 25 },
    { text: 'short', length: 5 },
  ])
})

const condense = { maxTextLength: 20, maxDepth: 4, maxMembers: 5, maxLength: 400 }

async function condensed(line: string, cuts: number[]): Promise<string | undefined> {
  const stream = streamOf(new TextEncoder().encode(line), cuts)
  return (await Array.fromAsync(readLines(stream, { maxLength: 50, condense })))[0]?.text
}

test('a long line of JSON keeps its members and how they end, whatever lies between', async () => {
  const line = { type: 'result', text: 'é"\n'.repeat(100), list: [[[[[1]]]]], usage: { input: 5, output: 7 } }
  const text = await condensed(JSON.stringify(line), [30, 31, 60, 61, 62, 63])
  expect(JSON.parse(text ?? '')).toEqual({
    type: 'result',
    text: line.text.slice(0, 20),
    list: [[['[truncated]']]],
    usage: { input: 5, output: 7 },
  })
})

test('any JSON object becomes one that is small and has the same beginning, however it is cut', async () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 8 }), { minKeys: 1, maxKeys: 12 })
  await fc.assert(
    fc.asyncProperty(object, fc.array(fc.nat({ max: 2_000 }), { maxLength: 20 }), async (value, cuts) => {
      const padded = { first: 'x'.repeat(60), ...value }
      const text = (await condensed(JSON.stringify(padded), cuts)) ?? ''
      expect(JSON.parse(text).first).toBe('x'.repeat(20))
      expect(text.length).toBeLessThan(2_000)
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['an end that is missing', `{"a":"${'x'.repeat(100)}"`],
  ['something behind it', `{"a":"${'x'.repeat(100)}"} and more`],
  ['brackets that do not fit', `{"a":["${'x'.repeat(100)}"}]`],
  ['no JSON at all', `{${'x'.repeat(100)}`],
])('a long line that only looks like JSON is cut like any other: %s', async (_, line) => {
  expect(await condensed(line, [])).toBe(line.slice(0, 50))
})

test('a line of hundreds of megabytes costs no memory', async () => {
  const chunk = new TextEncoder().encode('x'.repeat(1024 * 1024))
  let left = 200
  const stream = new ReadableStream<Uint8Array>({
    pull: controller => {
      left -= 1
      return left < 0 ? controller.close() : controller.enqueue(chunk)
    },
  })
  Bun.gc(true)
  const before = process.memoryUsage.rss()
  const [line] = await Array.fromAsync(readLines(stream))
  expect(line?.length).toBe(200 * 1024 * 1024)
  Bun.gc(true)
  expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024)
})
