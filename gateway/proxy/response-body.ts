/** A service's body on its way out, chunk by chunk, as fast as the client takes it. */

export interface RelayedBodyEvents {
  onChunk: () => void
  /** Once, however it ends; `isComplete` is false for a body that broke off. */
  onEnd: (isComplete: boolean) => void
  /** The client is gone: whatever feeds the body should stop. */
  onCancel: () => void
}

export interface RelayedBody {
  stream: ReadableStream<Uint8Array>
  /** Ends the stream in good order after what was already passed on. */
  finish: () => void
}

/**
 * Pulls only when the client has room, so a large body stays in flat memory. A body that breaks off breaks
 * the client's connection too: it must not look complete.
 */
export function relayBody(body: ReadableStream<Uint8Array>, events: RelayedBodyEvents): RelayedBody {
  const reader = body.getReader()
  let hasEnded = false
  let close = () => undefined
  const end = (isComplete: boolean) => {
    if (hasEnded) return
    hasEnded = true
    events.onEnd(isComplete)
  }
  const stream = new ReadableStream<Uint8Array>({
    start: controller => {
      close = () => void controller.close()
    },
    pull: async controller => {
      try {
        const { done, value } = await reader.read()
        if (hasEnded) return
        if (done) {
          end(true)
          controller.close()
          return
        }
        events.onChunk()
        controller.enqueue(value)
      } catch (error) {
        if (hasEnded) return
        end(false)
        controller.error(error)
      }
    },
    cancel: () => {
      end(false)
      events.onCancel()
    },
  })
  return {
    stream,
    finish: () => {
      if (hasEnded) return
      end(true)
      close()
      events.onCancel()
    },
  }
}
