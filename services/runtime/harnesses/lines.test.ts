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
  return Array.fromAsync(readLines(streamOf(new TextEncoder().encode(text), cuts), maxLength))
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
