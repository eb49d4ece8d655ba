/** The id that ties a request's logs, events and service calls together (gateway spec 10). */

const ACCEPTED = /^[A-Za-z0-9._-]{8,128}$/

/** The client's value where it is harmless; a fresh UUID does in its place. */
export function acceptedRequestId(sent: string | null): string | null {
  return sent !== null && ACCEPTED.test(sent) ? sent : null
}
