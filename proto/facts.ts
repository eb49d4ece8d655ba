/**
 * Where facts are kept and who reads them: the streams and durable consumers of JetStream. The launcher (or an
 * operator) makes them; a service may only use its own.
 */
import type { Tell } from './contract.ts'
import { userDisabled } from './identity.ts'
import { repoDeleted } from './projects.ts'
import { SERVICE_NAMES, type ServiceName } from './services.ts'

/** A service that acts on a fact of another. */
export interface FactReader {
  /** Durable name; stays the same for ever, `<reader>-<what it does>`. */
  consumer: string
  service: ServiceName
  event: Tell
}

export const runtimeRepoDeleted: FactReader = {
  consumer: 'runtime-repo-deleted',
  service: 'runtime',
  event: repoDeleted,
}
export const runtimeUserDisabled: FactReader = {
  consumer: 'runtime-user-disabled',
  service: 'runtime',
  event: userDisabled,
}

/** Every reader there is. */
export const FACT_READERS: readonly FactReader[] = [runtimeRepoDeleted, runtimeUserDisabled]

/** The stream that holds a service's facts. */
export function factStream(service: string): string {
  return `evt-${service}`
}

/** The subjects of a service's facts. */
export function factSubjects(service: ServiceName): string {
  return `evt.${service}.>`
}

/** The service whose fact it is. */
export function tellerOf({ subject }: Pick<Tell, 'subject'>): ServiceName {
  const teller = SERVICE_NAMES.find(name => subject.startsWith(`evt.${name}.`))
  if (!teller) throw new Error(`no service tells ${subject}`)
  return teller
}
