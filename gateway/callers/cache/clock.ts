/** The clock leases are counted by. */

/**
 * A clock in ms that advances with whichever of the two clocks advances more between two readings. The
 * monotonic one alone stands still while a machine is suspended, the wall clock can be set back; a lease
 * must not seem good because of either.
 */
export function createLeaseClock(
  monotonic: () => number = () => performance.now(),
  wall: () => number = () => Date.now(),
): () => number {
  let [lastMonotonic, lastWall] = [monotonic(), wall()]
  let elapsed = 0
  return () => {
    const [nowMonotonic, nowWall] = [monotonic(), wall()]
    elapsed += Math.max(nowMonotonic - lastMonotonic, nowWall - lastWall, 0)
    lastMonotonic = nowMonotonic
    lastWall = nowWall
    return elapsed
  }
}
