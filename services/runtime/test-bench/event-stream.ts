/** Reads `text/event-stream` as a client does that comes back after every break. */

export interface StreamedEvent {
  id: string
  data: { id: string; type: string; message: string | null; payload: Record<string, unknown> }
}

/** Every whole event of the answer, in order; what a break cut off is dropped. Comments go to `onComment`. */
export async function* readEventStream(
  response: Response,
  onComment: (text: string) => void = () => undefined,
): AsyncGenerator<StreamedEvent> {
  if (!response.body) throw new Error('no body')
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end)
      text = text.slice(end + 2)
      if (block.startsWith(':')) onComment(block)
      else yield parseBlock(block)
    }
  }
}

function parseBlock(block: string): StreamedEvent {
  const [idLine = '', dataLine = '', ...rest] = block.split('\n')
  if (!idLine.startsWith('id: ') || !dataLine.startsWith('data: ') || rest.length > 0)
    throw new Error(`not an event: ${block}`)
  return { id: idLine.slice(4), data: JSON.parse(dataLine.slice(6)) }
}
