/** Work that goes on at the same time. */

/**
 * Like `Promise.all`, but waits for all of them, also when one fails: nothing goes on behind the caller's back.
 * Throws what the first of them in the list failed of.
 */
export async function allSettledThenAll<Work extends readonly unknown[]>(
  work: readonly [...Work],
): Promise<{ -readonly [Index in keyof Work]: Awaited<Work[Index]> }> {
  await Promise.allSettled(work)
  return await Promise.all(work)
}
