/** Where replies to a process arrive. */
import { GATEWAY_ISSUER, type Issuer, SERVICE_NAMES } from '@mogplex/proto/services.ts'
import type { BusClient } from './connect.ts'

/** A prefix of its own for each process, so that NATS can keep others from reading its replies. */
export function inboxPrefix(name: BusClient): string {
  return `_INBOX_${name}`
}

/** The process whose inbox the subject is in; null when it is none. */
export function ownerOfInbox(subject: string | undefined): Issuer | null {
  const issuers: readonly Issuer[] = [GATEWAY_ISSUER, ...SERVICE_NAMES]
  return issuers.find(issuer => subject?.startsWith(`${inboxPrefix(issuer)}.`)) ?? null
}
