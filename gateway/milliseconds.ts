/** How times are told, in headers and in the log. */

/** With one digit behind the point: finer would say more about the machine than about the request. */
export function inTenths(ms: number): string {
  // Much cheaper than to have a fraction put into text.
  const tenths = Math.max(0, Math.round(ms * 10))
  return `${Math.trunc(tenths / 10)}.${tenths % 10}`
}
