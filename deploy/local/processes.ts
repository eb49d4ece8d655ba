/** The processes of an instance, by the names used in logs, in state.json and in this folder. */
import { GATEWAY_ISSUER, type Issuer, SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'

export type ProcessName = ServiceName | 'gateway'
/** Every program the launcher looks after. */
export type ProgramName = ProcessName | 'nats' | 'postgres'

export const PROCESS_NAMES: readonly ProcessName[] = [...SERVICE_NAMES, 'gateway']

/** The name with which a process signs. */
export function issuerOf(name: ProcessName): Issuer {
  return name === 'gateway' ? GATEWAY_ISSUER : name
}

/**
 * The order in which programs are stopped, with the time after which the next one's turn comes whatever
 * happens, counted in ms from the beginning of the stop. All is over within 10 s (issue 2).
 */
export const STOP_PLAN: readonly { name: ProgramName; untilMs: number }[] = [
  { name: 'gateway', untilMs: 2_000 },
  { name: 'runtime', untilMs: 5_000 },
  { name: 'projects', untilMs: 6_000 },
  { name: 'identity', untilMs: 7_000 },
  { name: 'nats', untilMs: 7_750 },
  { name: 'postgres', untilMs: 9_000 },
]
