/**
 * What programs in a sandbox may not ask of the kernel (decision 13). The models are docker's default
 * profile and flatpak's, whose refusals common programs are known to live with: whatever leads out of the
 * sandbox, plus what no program needs and attacks on kernels began with. Of these, much takes a right the
 * agent has not got; the filter is there for the kernel that forgets to ask.
 */
import type { SystemCall } from './system-calls.ts'

export const ERRNO = { EPERM: 1, ENOSYS: 38, EPROTONOSUPPORT: 93, EAFNOSUPPORT: 97 } as const

/** About one argument, by its lower 32 bits. */
export type Condition = { argument: number } & ({ hasAnyOf: number } | { is: number[] } | { isNot: number[] })

/** Refuses the calls when all conditions hold. */
export interface Refusal {
  calls: SystemCall[]
  errno: keyof typeof ERRNO
  when?: Condition[]
}

/** Mount, cgroup, UTS, IPC, user, pid and network namespaces; for unshare, time ones too (linux/sched.h). */
const NEW_NAMESPACES = 0x7e020000
const NEW_TIME_NAMESPACE = 0x80
const NEW_MOUNT_NAMESPACE = 0x20000

const AF_UNIX = 1
const AF_INET = 2
const AF_INET6 = 10
const AF_NETLINK = 16
const NETLINK_ROUTE = 0
/** IP's own choice, ICMP, TCP, UDP, ICMPv6, MPTCP (Go listens with it). */
const IP_PROTOCOLS = [0, 1, 6, 17, 58, 262]

/** Linux, 32-bit names, old version numbers, no address randomization (debuggers), and the question. */
const PERSONALITIES = [0, 0x8, 0x20000, 0x20008, 0x40000, 0xffffffff]

const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c

export const REFUSALS: Refusal[] = [
  // Keys are found by user and session, not by namespace: those of the operator, of other sandboxes.
  { calls: ['add_key', 'request_key', 'keyctl'], errno: 'EPERM' },

  // In a user namespace of its own the agent would be root, and most of the kernel open to it. The flags
  // of clone3 are in memory, where a filter cannot look: without it, programs use clone.
  { calls: ['clone'], errno: 'EPERM', when: [{ argument: 0, hasAnyOf: NEW_NAMESPACES }] },
  { calls: ['clone3'], errno: 'ENOSYS' },
  // Mount namespaces alone are left: our own entry needs one more (see masks.ts) and the agent, who has no
  // right to them, is refused by the kernel.
  {
    calls: ['unshare'],
    errno: 'EPERM',
    when: [
      { argument: 0, hasAnyOf: NEW_NAMESPACES | NEW_TIME_NAMESPACE },
      { argument: 0, isNot: [NEW_MOUNT_NAMESPACE] },
    ],
  },
  { calls: ['setns'], errno: 'EPERM' },

  // What is mounted is ours to say, and to know.
  { calls: ['mount', 'umount2', 'pivot_root'], errno: 'EPERM' },
  { calls: ['fsopen', 'fsconfig', 'fsmount', 'fspick', 'move_mount', 'mount_setattr'], errno: 'EPERM' },
  { calls: ['open_tree', 'open_tree_attr'], errno: 'EPERM' },
  { calls: ['statmount', 'listmount'], errno: 'ENOSYS' },
  // Files by number rather than by path get round what is mounted where.
  { calls: ['name_to_handle_at', 'open_by_handle_at'], errno: 'EPERM' },
  { calls: ['quotactl', 'quotactl_fd', 'swapon', 'swapoff', 'fanotify_init'], errno: 'EPERM' },

  // Large parts of the kernel that agents' programs do without, and most escapes of late years needed.
  // io_uring also does what this filter would refuse by name.
  { calls: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'], errno: 'EPERM' },
  { calls: ['userfaultfd', 'bpf', 'perf_event_open', 'lookup_dcookie'], errno: 'EPERM' },
  { calls: ['mbind', 'get_mempolicy', 'set_mempolicy', 'set_mempolicy_home_node'], errno: 'EPERM' },
  { calls: ['move_pages', 'migrate_pages', 'modify_ldt'], errno: 'EPERM' },

  // The machine's, not the agent's.
  {
    calls: ['init_module', 'finit_module', 'delete_module', 'kexec_load', 'kexec_file_load'],
    errno: 'EPERM',
  },
  { calls: ['reboot', 'acct', 'syslog', 'vhangup', 'iopl', 'ioperm'], errno: 'EPERM' },
  { calls: ['settimeofday', 'clock_settime', 'clock_adjtime'], errno: 'EPERM' },
  { calls: ['sethostname', 'setdomainname'], errno: 'EPERM' },

  // Obsolete; a kernel that still has them has them untended.
  { calls: ['_sysctl', 'afs_syscall', 'create_module', 'get_kernel_syms'], errno: 'ENOSYS' },
  { calls: ['nfsservctl', 'query_module', 'sysfs', 'uselib', 'ustat', 'vserver'], errno: 'ENOSYS' },

  // Debuggers may look into the agent's own processes. Not into the first one, which holds the sandbox
  // together and still has the mounts in its sight (see masks.ts).
  { calls: ['ptrace'], errno: 'EPERM', when: [{ argument: 1, is: [1] }] },
  { calls: ['process_vm_readv', 'process_vm_writev'], errno: 'EPERM', when: [{ argument: 0, is: [1] }] },
  { calls: ['personality'], errno: 'EPERM', when: [{ argument: 0, isNot: PERSONALITIES }] },

  // Types into a terminal that somebody else may read from.
  { calls: ['ioctl'], errno: 'EPERM', when: [{ argument: 1, is: [TIOCSTI, TIOCLINUX] }] },

  // A network namespace does not divide all families: AF_VSOCK reaches the hypervisor. Others load modules
  // of the kernel's on being asked for. Programs take the two errors for an old kernel.
  {
    calls: ['socket'],
    errno: 'EAFNOSUPPORT',
    when: [{ argument: 0, isNot: [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK] }],
  },
  {
    calls: ['socket'],
    errno: 'EPROTONOSUPPORT',
    when: [
      { argument: 0, is: [AF_NETLINK] },
      { argument: 2, isNot: [NETLINK_ROUTE] },
    ],
  },
  {
    calls: ['socket'],
    errno: 'EPROTONOSUPPORT',
    when: [
      { argument: 0, is: [AF_INET, AF_INET6] },
      { argument: 2, isNot: IP_PROTOCOLS },
    ],
  },
  { calls: ['socketpair'], errno: 'EAFNOSUPPORT', when: [{ argument: 0, isNot: [AF_UNIX] }] },
]
