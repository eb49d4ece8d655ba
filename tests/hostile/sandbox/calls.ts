/** System calls that an agent might try, by what for, and what the kernel has to answer. */
import { numberOf, type SystemCall } from '../../../services/runtime/sandboxes/local/seccomp/system-calls.ts'
import type { Argument } from './system-call.ts'

export interface Call {
  title: string
  number: number
  args: Argument[]
  /** Minus an errno; null: anything else than a refusal. */
  answer: number | null
}

const EPERM = -1
const ENOSYS = -38
const EPROTONOSUPPORT = -93
const EAFNOSUPPORT = -97

/** Numbers that are not in the filter's own table, for the two machines. */
const OTHER = { getpid: [39, 172], close: [3, 57] } as const
const isX64 = process.arch === 'x64'
const numberOfOther = (name: keyof typeof OTHER) => OTHER[name][isX64 ? 0 : 1]

const call = (title: string, name: SystemCall, args: Argument[], answer: number | null): Call[] => {
  const number = numberOf(name, isX64 ? 'x64' : 'arm64')
  return number === null ? [] : [{ title, number, args, answer }]
}

/** In the order of keyrings(7): thread, process, session, user, user session. */
const KEYRINGS = { session: -3, user: -4, 'user session': -5 }
const KEYCTL = { join: 1, search: 10, read: 11, link: 8, persistent: 22, pkey: 24 }

/** `keyId`: of a key of the operator's. `description`: its name. */
export function hostileCalls({ keyId, description }: { keyId: number; description: string }): Call[] {
  return [
    ...Object.entries(KEYRINGS).flatMap(([name, ring]) => [
      ...call(`searches the ${name} keyring`, 'keyctl', [KEYCTL.search, ring, 'user', description, 0], EPERM),
      ...call(`puts a key into the ${name} keyring`, 'add_key', ['user', 'mine', 'x', 1, ring], EPERM),
    ]),
    ...call("reads a key of the operator's by its number", 'keyctl', [KEYCTL.read, keyId, 0, 0], EPERM),
    ...call("links a key of the operator's to its own", 'keyctl', [KEYCTL.link, keyId, -4], EPERM),
    ...call('joins a session keyring by name', 'keyctl', [KEYCTL.join, '_ses'], EPERM),
    ...call('asks for a persistent keyring', 'keyctl', [KEYCTL.persistent, -1, -4], EPERM),
    ...call('asks for a key that the host would fetch', 'request_key', ['user', description, '', -4], EPERM),

    ...call('makes a user namespace', 'unshare', [0x10000000], EPERM),
    ...call('makes a user and a mount namespace', 'unshare', [0x10020000], EPERM),
    ...call('makes a mount namespace', 'unshare', [0x20000], EPERM),
    ...call('makes a network namespace', 'unshare', [0x40000000], EPERM),
    ...call('makes a time namespace', 'unshare', [0x80], EPERM),
    ...call('starts a process in a user namespace', 'clone', [0x10000011, 0, 0, 0, 0], EPERM),
    ...call('starts a process in a pid namespace', 'clone', [0x20000011, 0, 0, 0, 0], EPERM),
    ...call('starts a process by clone3, with flags out of sight', 'clone3', [{ zeros: 88 }, 88], ENOSYS),
    ...call('enters a namespace', 'setns', [0, 0], EPERM),

    ...call('mounts something', 'mount', ['none', '/tmp', 'tmpfs', 0, 0], EPERM),
    ...call('takes a cover off', 'umount2', ['/proc/keys', 2], EPERM),
    ...call('moves its root', 'pivot_root', ['.', '.'], EPERM),
    ...call('opens a file system', 'fsopen', ['tmpfs', 0], EPERM),
    ...call('takes hold of a mount', 'open_tree', [-100, '/', 1], EPERM),
    ...call('picks a file system to change', 'fspick', [-100, '/', 0], EPERM),
    ...call('moves a mount', 'move_mount', [-100, '/', -100, '/tmp', 0], EPERM),
    ...call('makes a mount writable', 'mount_setattr', [-100, '/', 0, { zeros: 32 }, 32], EPERM),
    ...call('asks for a mount by number', 'statmount', [{ zeros: 32 }, { zeros: 512 }, 512, 0], ENOSYS),
    ...call('lists mounts by number', 'listmount', [{ zeros: 32 }, { zeros: 512 }, 64, 0], ENOSYS),
    ...call('opens a file by its number', 'open_by_handle_at', [-100, { zeros: 32 }, 0], EPERM),
    ...call(
      'learns the number of a file',
      'name_to_handle_at',
      [-100, '/', { zeros: 64 }, { zeros: 8 }, 0],
      EPERM,
    ),

    ...call('sets up io_uring', 'io_uring_setup', [8, { zeros: 120 }], EPERM),
    ...call('uses a given io_uring', 'io_uring_enter', [0, 1, 0, 0, 0, 0], EPERM),
    ...call('takes over page faults', 'userfaultfd', [1], EPERM),
    ...call('loads a BPF program', 'bpf', [5, { zeros: 128 }, 128], EPERM),
    ...call('counts events of the processor', 'perf_event_open', [{ zeros: 128 }, 0, -1, -1, 0], EPERM),
    ...call('watches whole file systems', 'fanotify_init', [0, 0], EPERM),
    ...call('changes segment descriptors', 'modify_ldt', [0, { zeros: 16 }, 16], EPERM),
    ...call('moves memory between nodes', 'move_pages', [0, 0, 0, 0, 0, 0], EPERM),

    ...call('loads a module', 'finit_module', [0, '', 0], EPERM),
    ...call('loads another kernel', 'kexec_load', [0, 0, 0, 0], EPERM),
    ...call('reboots', 'reboot', [0xfee1dead, 0x28121969, 0, 0], EPERM),
    ...call('reads the log of the kernel', 'syslog', [3, { zeros: 64 }, 64], EPERM),
    ...call('sets the clock', 'clock_settime', [0, { zeros: 16 }], EPERM),
    ...call('renames the host', 'sethostname', ['mine', 4], EPERM),
    ...call('writes process accounts', 'acct', [0], EPERM),
    ...call('swaps to a file', 'swapon', ['/tmp/x', 0], EPERM),
    ...call('changes quotas', 'quotactl', [0, 0, 0, 0], EPERM),

    ...call("attaches to the sandbox's first process", 'ptrace', [16, 1, 0, 0], EPERM),
    ...call("seizes the sandbox's first process", 'ptrace', [0x4206, 1, 0, 0], EPERM),
    ...call("reads the first process's memory", 'process_vm_readv', [1, 0, 0, 0, 0, 0], EPERM),
    ...call("writes the first process's memory", 'process_vm_writev', [1, 0, 0, 0, 0, 0], EPERM),
    ...call('makes its memory executable throughout', 'personality', [0x400000], EPERM),
    ...call('types into a terminal', 'ioctl', [0, 0x5412, 'x'], EPERM),
    ...call('pastes into a console', 'ioctl', [0, 0x541c, '\x03'], EPERM),

    ...call('speaks to the hypervisor', 'socket', [40, 1, 0], EAFNOSUPPORT),
    ...call('reads packets', 'socket', [17, 3, 768], EAFNOSUPPORT),
    ...call("uses the kernel's cryptography", 'socket', [38, 5, 0], EAFNOSUPPORT),
    ...call('speaks Bluetooth', 'socket', [31, 3, 1], EAFNOSUPPORT),
    ...call('manages keys of IPsec', 'socket', [15, 3, 2], EAFNOSUPPORT),
    ...call('speaks SCTP, which loads a module', 'socket', [2, 1, 132], EPROTONOSUPPORT),
    ...call('listens to devices of the host', 'socket', [16, 3, 15], EPROTONOSUPPORT),
    ...call('writes to the audit log', 'socket', [16, 3, 9], EPROTONOSUPPORT),
    ...call('joins two TIPC sockets', 'socketpair', [30, 1, 0, { zeros: 8 }], EAFNOSUPPORT),

    { title: 'asks by a number that no kernel has given away', number: 5000, args: [], answer: ENOSYS },
    ...(isX64 ? [{ title: 'asks by an x32 number', number: 0x40000000 + 39, args: [], answer: ENOSYS }] : []),
  ]
}

/** The same ways of asking, for what programs need: were the probe broken, these would fail as well. */
export function neededCalls(): Call[] {
  return [
    { title: 'asks for its pid', number: numberOfOther('getpid'), args: [], answer: null },
    ...call('opens a Unix socket', 'socket', [1, 1, 0], null),
    ...call('opens a TCP socket', 'socket', [2, 1, 6], null),
    ...call('opens a UDP socket of IPv6', 'socket', [10, 2, 17], null),
    ...call('lists network interfaces', 'socket', [16, 3, 0], null),
    ...call('joins two Unix sockets', 'socketpair', [1, 1, 0, { zeros: 8 }], null),
    ...call('asks for its personality', 'personality', [-1], null),
    ...call('keeps its files to itself', 'unshare', [0x400], null),
    ...call('debugs a process of its own', 'ptrace', [0x4206, 'child', 0, 0], null),
  ]
}

/** `close(-1)`: an error that is not a refusal, to see that errors are told apart. */
export const BAD_DESCRIPTOR = { number: numberOfOther('close'), args: [-1], answer: -9 }
