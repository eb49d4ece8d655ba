/** How long identity insists with one holder of a lease; without a wire, a clock or a database of its own. */

export interface TellHolder {
  /** True when the holder has acknowledged. Must not be true for anything else. */
  tell: () => Promise<boolean>
  /** Lets the holder's lease run out; false when it has. */
  refuseRenewal: () => Promise<boolean>
  pause: () => Promise<void>
}

/**
 * Resolves when the holder has dropped, or cannot hold what it was to drop any more. It ends: a lease that
 * is not renewed runs out. Rejects when `refuseRenewal` does; then nothing may be promised.
 */
export async function tellHolder({ tell, refuseRenewal, pause }: TellHolder): Promise<void> {
  while (!(await tell()) && (await refuseRenewal())) await pause()
}
