/** The port behind which admitted requests are counted (gateway spec 6). */

/** N admitted in any rolling window. */
export interface Bucket {
  name: string
  limit: number
  windowMs: number
}

/** What a store says to one request. Times are ms from now. */
export interface Verdict {
  isAdmitted: boolean
  /** How many more would be admitted right now. */
  remaining: number
  /** Until the oldest counted request leaves the window: when a slot frees if none is left. */
  resetMs: number
  /** Names the admitted request, to give its slot back. */
  ticket: number
}

/**
 * Counting is exact and atomic: a request at time t is admitted when fewer than `limit` were admitted in
 * (t − window, t]. Refused ones leave no trace.
 */
export interface LimitStore {
  take: (bucket: Bucket, key: string) => Verdict | Promise<Verdict>
  /** Undoes one admission, as if it had never been asked for. */
  giveBack: (bucket: Bucket, key: string, ticket: number) => void | Promise<void>
}
