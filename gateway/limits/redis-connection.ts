/** A connection to Redis or Valkey that is there or not: nothing waits for it, and it comes back by itself. */
import type { Log } from '@mogplex/kit/log.ts'
import { RedisClient } from 'bun'

/** How long a request waits for its limits (gateway spec 6). */
const ANSWER_LIMIT_MS = 500
/** A connection on which nothing came back for so long is taken for dead. */
const SILENCE_LIMIT_MS = 2_000
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 1_000

export interface RedisConnection {
  /**
   * Resolves with the server's answer. Rejects at once while there is no connection, and after
   * 500 ms without an answer; `whenLate` is then told the answer should it still come.
   */
  send: (command: string, args: string[], whenLate?: (answer: unknown) => void) => Promise<unknown>
  close: () => void
}

/** Begins to connect. A server that is away, refuses the password or hangs is tried again for as long as it takes. */
export function openRedis(url: string, log: Log): RedisConnection {
  const client = new RedisClient(url, {
    connectionTimeout: ANSWER_LIMIT_MS,
    // The client's own way of coming back gives up, and its queue would let requests wait for it.
    autoReconnect: false,
    enableOfflineQueue: false,
  })
  let isWanted = true
  let isReported = false
  let heardAt = performance.now()

  const keepConnecting = async () => {
    for (let waitMs = FIRST_RETRY_MS; isWanted; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        await client.connect()
        heardAt = performance.now()
        if (isReported) log.info({ event: 'limit-store.back' })
        isReported = false
        return
      } catch (err) {
        if (!isReported) log.warn({ event: 'limit-store.away', err })
        isReported = true
        await Bun.sleep(waitMs)
      }
    }
  }
  let connecting = keepConnecting()
  client.onclose = () => {
    // While it tries to connect, the loop above knows already.
    if (Bun.peek.status(connecting) === 'pending') return
    connecting = keepConnecting()
  }

  return {
    send: (command, args, whenLate) => {
      const answer = client.send(command, args)
      const heard = answer.finally(() => {
        heardAt = performance.now()
      })
      return orTooLate(heard, () => {
        if (performance.now() - heardAt > SILENCE_LIMIT_MS) client.close()
        if (whenLate) heard.then(whenLate, () => undefined)
      })
    },
    close: () => {
      isWanted = false
      client.close()
    },
  }
}

function orTooLate<T>(answer: Promise<T>, onLate: () => void): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => {
    onLate()
    reject(new Error(`the limit store did not answer within ${ANSWER_LIMIT_MS} ms`))
  }, ANSWER_LIMIT_MS)
  answer.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}
