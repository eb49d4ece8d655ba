/** From a byte stream to its lines. */

/** A tool's whole output can sit in one line of a CLI's JSON; images in it take some megabytes. */
const MAX_LINE_LENGTH = 8 * 1024 * 1024

/**
 * Yields each line without its line end (`\n` or `\r\n`), the last one also without any. A line longer than
 * `maxLength` UTF-16 units is cut there and its rest dropped, so that no output can fill the memory.
 * Bytes that are not UTF-8 become U+FFFD. How the bytes are cut into chunks makes no difference.
 */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  maxLength = MAX_LINE_LENGTH,
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let pieces: string[] = []
  let length = 0

  const add = (text: string) => {
    // One unit more than is given out, so that a `\r` right behind the limit still counts as a line end.
    const room = maxLength + 1 - length
    const piece = text.length > room ? text.slice(0, room) : text
    if (piece === '') return
    pieces.push(piece)
    length += piece.length
  }
  const take = () => {
    const line = pieces.join('')
    pieces = []
    length = 0
    return (line.endsWith('\r') ? line.slice(0, -1) : line).slice(0, maxLength)
  }
  function* split(text: string) {
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      add(text.slice(start, end))
      yield take()
      start = end + 1
    }
    add(text.slice(start))
  }

  for await (const chunk of stream) yield* split(decoder.decode(chunk, { stream: true }))
  yield* split(decoder.decode())
  if (length > 0) yield take()
}
