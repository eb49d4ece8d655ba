/**
 * Lets others have their turn. What reads a stream only waits when there is nothing to read; while an agent floods
 * there always is, and no timer, request or other run would be served.
 */
const TURN_MS = 8

/** To be awaited between pieces of work: it gives the turn away once the pieces have taken long enough. */
export function createPace(): () => Promise<void> | undefined {
  let startedAtMs = performance.now()
  return () => {
    if (performance.now() - startedAtMs < TURN_MS) return undefined
    return new Promise(resolve => {
      setImmediate(() => {
        startedAtMs = performance.now()
        resolve()
      })
    })
  }
}
