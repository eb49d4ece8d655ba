/** Where replies to a process arrive. */
import type { Issuer } from '@mogplex/proto/services.ts'

/** A prefix of its own for each process, so that NATS can keep others from reading its replies. */
export function inboxPrefix(name: Issuer): string {
  return `_INBOX_${name}`
}
