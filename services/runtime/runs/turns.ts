/**
 * One after the other, in the order they came, within this process. What waits for a lock of the database by
 * trying again would otherwise, in a crowd, keep the database too busy for the one that holds the lock.
 */
export class Turns {
  /** The end of the last one in the row, by what they share. */
  readonly #last = new Map<string, Promise<void>>()

  async take<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key)
    const { promise: end, resolve } = Promise.withResolvers<void>()
    this.#last.set(key, end)
    try {
      await before
      return await work()
    } finally {
      if (this.#last.get(key) === end) this.#last.delete(key)
      resolve()
    }
  }

  /** How many keys somebody has or waits for. */
  get size(): number {
    return this.#last.size
  }
}
