/** The few figures that measurements are told in. */

/** The value below which `share` (0 to 1) of the sorted values lie, the nearest one that was measured. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))
  return sorted[index] ?? Number.NaN
}

/** Of an even number of values the mean of the two in the middle: the lower one would flatter. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[sorted.length / 2 - 1] ?? Number.NaN) + upper) / 2
}

/** Milliseconds since 1970, with fractions: comparable with what other processes of this machine say. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now()
}
