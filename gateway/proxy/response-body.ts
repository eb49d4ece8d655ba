/** A service's body on its way out, watched from its first part to its end. */
import type { BodySink, BodySource } from '../http/body.ts'

export interface RelayedBodyEvents {
  onPart: () => void
  /** Once, however it ends. */
  onEnd: () => void
}

export interface RelayedBody {
  source: BodySource
  /** Ends the body in good order after what was already passed on. */
  finish: () => void
}

/** The body `from` a service, as it comes. One that breaks off breaks the client's, too: it must not look complete. */
export function relayBody(from: BodySource, { onPart, onEnd }: RelayedBodyEvents): RelayedBody {
  let to: BodySink | null = null
  let isOver = false
  const end = (tell: (sink: BodySink) => void) => {
    if (isOver) return
    isOver = true
    onEnd()
    if (to) tell(to)
  }
  const source: BodySource = {
    pipe: sink => {
      // Finished before it began.
      if (isOver) return sink.end()
      to = sink
      from.pipe({
        write: bytes => {
          if (isOver) return
          onPart()
          sink.write(bytes)
        },
        end: () => end(() => sink.end()),
        fail: error => end(() => sink.fail(error)),
      })
    },
    pause: () => from.pause(),
    resume: () => from.resume(),
    cancel: () => {
      end(() => undefined)
      from.cancel()
    },
  }
  return {
    source,
    finish: () => {
      end(sink => sink.end())
      from.cancel()
    },
  }
}
