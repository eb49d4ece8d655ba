/**
 * The kernel's keyrings go from parent to child, whatever namespaces and users change: a child reads what
 * the operator's login put there, Kerberos tickets or keys of encrypted directories (keyrings(7)).
 */
import { fromCLibrary } from '@mogplex/kit/processes/c-library.ts'

const SYSTEM_CALL = { x64: 250, arm64: 219 }
const KEYCTL_GET_KEYRING_ID = 0
const KEYCTL_JOIN_SESSION_KEYRING = 1
const SESSION_KEYRING = -3

type Keyctl = (operation: number, argument: number, flag: number) => number

let keyctl: Keyctl | null = null

/**
 * Gives this thread a new, empty session keyring, and with it whatever it starts from now on; another
 * call, another keyring. It goes with the last process that has it.
 *
 * Throws when there are keyrings and no new one can be had.
 */
export function joinNewSessionKeyring(): void {
  keyctl ??= findKeyctl()
  if (keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0) > 0) return
  // In a container, or on a kernel without keys, nobody below us reads any either.
  if (keyctl(KEYCTL_GET_KEYRING_ID, SESSION_KEYRING, 0) < 0) return
  throw new Error(
    'The kernel gives no new session keyring. Its quota may be used up: see /proc/key-users and keyrings(7).',
  )
}

function findKeyctl(): Keyctl {
  const { arch } = process
  if (arch !== 'x64' && arch !== 'arm64') throw new Error(`no number of keyctl is known for ${arch}`)
  const { syscall } = fromCLibrary({
    syscall: { args: ['i64', 'i64', 'i64', 'i64'], returns: 'i64' },
  })
  return (operation, argument, flag) => Number(syscall(SYSTEM_CALL[arch], operation, argument, flag))
}
