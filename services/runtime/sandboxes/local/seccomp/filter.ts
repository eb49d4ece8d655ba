/** Turns the policy into the program that bubblewrap loads into the kernel (decision 13). Pure but for `hostFilter`. */
import { readFileSync } from 'node:fs'
import {
  ARCHITECTURE_OFFSET,
  argumentOffset,
  assemble,
  branch,
  end,
  type Line,
  load,
  NUMBER_OFFSET,
} from './bpf.ts'
import { type Condition, ERRNO, REFUSALS, type Refusal } from './policy.ts'
import { AUDIT_ARCHITECTURE, type Machine, NEWEST_KNOWN, numberOf, X32_BIT } from './system-calls.ts'

/** What the kernel does about a call (linux/seccomp.h). */
export const ACTION = { allow: 0x7fff0000, killProcess: 0x80000000, errno: 0x00050000 }

/** The filter for this host. Throws an Error that says what it lacks. */
export function hostFilter(): Uint8Array<ArrayBuffer> {
  return compileFilter(requireMachine(process.arch, readFileSync('/proc/self/status', 'utf8')))
}

/** `status`: of a process, as in proc(5), where a kernel without seccomp leaves a line out. */
export function requireMachine(machine: string, status: string): Machine {
  if (machine !== 'x64' && machine !== 'arm64') {
    throw new Error(
      `Sandboxes need a list of system calls, which there is for x64 and arm64, not ${machine}.`,
    )
  }
  if (!/^Seccomp:\t/m.test(status)) {
    throw new Error('Sandboxes need a kernel with seccomp: CONFIG_SECCOMP and CONFIG_SECCOMP_FILTER.')
  }
  return machine
}

/**
 * A 32-bit call ends the process: its numbers mean other calls, and nothing a sandbox is for makes one.
 * Numbers that were not yet given away when the policy was written are answered as by an older kernel.
 */
export function compileFilter(machine: Machine): Uint8Array<ArrayBuffer> {
  const unknown = ACTION.errno | ERRNO.ENOSYS
  return assemble([
    load(ARCHITECTURE_OFFSET),
    branch('ifEqual', AUDIT_ARCHITECTURE[machine], 'native', null),
    end(ACTION.killProcess),
    { label: 'native' },
    load(NUMBER_OFFSET),
    ...(machine === 'x64' ? [branch('ifAtLeast', X32_BIT, 'unknown', null)] : []),
    branch('ifAbove', NEWEST_KNOWN, 'unknown', 'known'),
    { label: 'unknown' },
    end(unknown),
    { label: 'known' },
    ...REFUSALS.flatMap((refusal, index) =>
      refusal.calls.flatMap(call => refuse(refusal, numberOf(call, machine), `${index}-${call}`)),
    ),
    end(ACTION.allow),
  ])
}

/** Goes on after itself, with the call's number in the accumulator, unless the call is refused. */
function refuse({ errno, when = [] }: Refusal, number: number | null, name: string): Line[] {
  if (number === null) return []
  const [other, past] = [`${name}-other`, `${name}-past`]
  return [
    branch('ifEqual', number, null, past),
    ...when.flatMap((condition, index) => check(condition, `${name}-${index}`, other)),
    end(ACTION.errno | ERRNO[errno]),
    { label: other },
    ...(when.length > 0 ? [load(NUMBER_OFFSET)] : []),
    { label: past },
  ]
}

/** Goes on after itself when the condition holds, else to `otherwise`. */
function check(condition: Condition, name: string, otherwise: string): Line[] {
  const start = load(argumentOffset(condition.argument))
  if ('hasAnyOf' in condition) return [start, branch('ifAnyBit', condition.hasAnyOf, null, otherwise)]
  if ('isNot' in condition) {
    return [start, ...condition.isNot.map(value => branch('ifEqual', value, otherwise, null))]
  }
  const holds = `${name}-holds`
  const last = condition.is.length - 1
  return [
    start,
    ...condition.is.map((value, index) => branch('ifEqual', value, holds, index === last ? otherwise : null)),
    { label: holds },
  ]
}
