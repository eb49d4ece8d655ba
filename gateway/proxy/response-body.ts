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
  /** Ends it at once and not in good order: its client may not take anything any more. */
  breakOff: (error: Error) => void
}

/** The body `from` a service, as it comes. One that breaks off breaks the client's, too: it must not look complete. */
export function relayBody(from: BodySource, { onPart, onEnd }: RelayedBodyEvents): RelayedBody {
  let to: BodySink | null = null
  /** How whoever takes the body is told of its end. */
  let tellEnd: ((sink: BodySink) => void) | null = null
  const end = (tell: (sink: BodySink) => void) => {
    if (tellEnd) return
    tellEnd = tell
    onEnd()
    if (to) tell(to)
  }
  const source: BodySource = {
    pipe: sink => {
      // Over before it began.
      if (tellEnd) return tellEnd(sink)
      to = sink
      from.pipe({
        write: bytes => {
          if (tellEnd) return
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
    breakOff: error => {
      end(sink => sink.fail(error))
      from.cancel()
    },
  }
}
