/** Answers in the event-stream form both model APIs use. */

export interface ServerSentEvent {
  event: string
  data: unknown
}

/** A streaming response with one frame per event; ends after the last. */
export function eventStream(events: Iterable<ServerSentEvent>): Response {
  const encoder = new TextEncoder()
  const iterator = events[Symbol.iterator]()
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = iterator.next()
      if (next.done) return controller.close()
      const { event, data } = next.value
      controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`))
    },
  })
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
  })
}
