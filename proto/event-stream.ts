/** Which requests are for a live stream: the gateway counts them, the owner of the route answers them. */

/** Whether `accept` asks for events as they happen, rather than for a page of them. */
export function asksForEventStream(accept: string | null): boolean {
  return accept?.toLowerCase().includes('text/event-stream') ?? false
}
