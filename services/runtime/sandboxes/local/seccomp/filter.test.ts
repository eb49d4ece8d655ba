/** The filter, run as the kernel would run it, for tables of calls. Real attempts: tests/hostile/sandbox.test.ts. */
import { describe, expect, test } from 'bun:test'
import { assemble, branch, end, OPCODE } from './bpf.ts'
import { compileFilter, requireMachine } from './filter.ts'
import { REFUSALS } from './policy.ts'
import {
  AUDIT_ARCHITECTURE,
  type Machine,
  NEWEST_KNOWN,
  numberOf,
  type SystemCall,
  X32_BIT,
} from './system-calls.ts'

type Verdict = 'allowed' | 'killed' | number

/** Runs a filter for one call: the verdict is an errno, or one of the two others. */
function run(program: Uint8Array, call: { architecture: number; number: number; args: bigint[] }): Verdict {
  const seen = new DataView(new ArrayBuffer(64))
  seen.setUint32(0, call.number, true)
  seen.setUint32(4, call.architecture, true)
  for (const [index, value] of call.args.entries()) seen.setBigUint64(16 + 8 * index, value, true)
  const code = new DataView(program.buffer)
  let accumulator = 0
  for (let at = 0; ; at += 1) {
    const opcode = code.getUint16(at * 8, true)
    const value = code.getUint32(at * 8 + 4, true)
    if (opcode === OPCODE.load) accumulator = seen.getUint32(value, true)
    else if (opcode === OPCODE.end) return verdict(value)
    else at += code.getUint8(at * 8 + (holds(opcode, accumulator, value) ? 2 : 3))
  }
}

function holds(opcode: number, accumulator: number, value: number): boolean {
  if (opcode === OPCODE.ifEqual) return accumulator === value
  if (opcode === OPCODE.ifAbove) return accumulator > value
  if (opcode === OPCODE.ifAtLeast) return accumulator >= value
  if (opcode === OPCODE.ifAnyBit) return (accumulator & value) !== 0
  throw new Error(`no such instruction: ${opcode}`)
}

function verdict(action: number): Verdict {
  if (action === 0x7fff0000) return 'allowed'
  if (action === 0x80000000) return 'killed'
  if (action >>> 16 === 0x5) return action & 0xffff
  throw new Error(`no such action: ${action}`)
}

const EPERM = 1
const ENOSYS = 38
const EPROTONOSUPPORT = 93
const EAFNOSUPPORT = 97

/** A call with its arguments, and what becomes of it. */
const CALLS: [SystemCall, (number | bigint)[], Verdict][] = [
  ['keyctl', [1, 0], EPERM],
  ['clone', [0x01200011], 'allowed'],
  ['clone', [0x003d0f00], 'allowed'],
  ...[0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000].map(
    (flag): [SystemCall, number[], Verdict] => ['clone', [flag | 17], EPERM],
  ),
  ['clone', [0x90000011], EPERM],
  ['clone3', [0, 88], ENOSYS],
  ['unshare', [0x400], 'allowed'],
  ['unshare', [0x20000], 'allowed'],
  ['unshare', [0x10000000], EPERM],
  ['unshare', [0x10020000], EPERM],
  ['unshare', [0x80], EPERM],
  ['unshare', [0x20080], EPERM],
  ['setns', [3, 0x20000], EPERM],
  ['ptrace', [16, 2], 'allowed'],
  ['ptrace', [16, 1], EPERM],
  // The kernel takes a pid for an int, so this is the first process too.
  ['ptrace', [16, 0x1_0000_0001n], EPERM],
  ['process_vm_writev', [1], EPERM],
  ['process_vm_readv', [2], 'allowed'],
  ['personality', [0xffffffff], 'allowed'],
  ['personality', [0], 'allowed'],
  ['personality', [0x40000], 'allowed'],
  ['personality', [0x400000], EPERM],
  ['ioctl', [0, 0x5401], 'allowed'],
  ['ioctl', [0, 0x5412], EPERM],
  ['ioctl', [0, 0x541c], EPERM],
  ['ioctl', [0, 0xdead_0000_5412n], EPERM],
  ...[1, 2, 10, 16].map((family): [SystemCall, number[], Verdict] => ['socket', [family, 1, 0], 'allowed']),
  // AX.25, IPX, AppleTalk, X.25, key management, packets, RDS, CAN, TIPC, Bluetooth, ALG, NFC, vsock, XDP.
  ...[3, 4, 5, 9, 15, 17, 21, 29, 30, 31, 38, 39, 40, 44].map((family): [SystemCall, number[], Verdict] => [
    'socket',
    [family, 3, 0],
    EAFNOSUPPORT,
  ]),
  ['socket', [0x1_0000_0028n, 1, 0], EAFNOSUPPORT],
  ...[1, 6, 17, 58, 262].map((protocol): [SystemCall, number[], Verdict] => [
    'socket',
    [10, 1, protocol],
    'allowed',
  ]),
  ...[33, 115, 132, 136].map((protocol): [SystemCall, number[], Verdict] => [
    'socket',
    [2, 1, protocol],
    EPROTONOSUPPORT,
  ]),
  ...[4, 9, 12, 15, 21].map((protocol): [SystemCall, number[], Verdict] => [
    'socket',
    [16, 3, protocol],
    EPROTONOSUPPORT,
  ]),
  ['socketpair', [1, 1, 0], 'allowed'],
  ['socketpair', [30, 1, 0], EAFNOSUPPORT],
]

const MACHINES: Machine[] = ['x64', 'arm64']

describe.each(MACHINES)('system calls on %s', machine => {
  const program = compileFilter(machine)
  const call = (number: number, args: (number | bigint)[] = [], architecture = AUDIT_ARCHITECTURE[machine]) =>
    run(program, { architecture, number, args: args.map(BigInt) })

  test.each(CALLS)('%s with %p: %p', (name, args, expected) => {
    expect(call(numberOf(name, machine) ?? -1, args)).toBe(expected)
  })

  test('what is refused whatever its arguments is refused by every number it has', () => {
    const always = REFUSALS.filter(refusal => !refusal.when)
    const seen = always.flatMap(({ calls }) => calls.map(name => numberOf(name, machine)))
    const verdicts = seen.filter(number => number !== null).map(number => call(number, [7, 7, 7]))
    expect(verdicts.length).toBeGreaterThan(50)
    expect(verdicts.filter(each => each !== EPERM && each !== ENOSYS)).toEqual([])
  })

  test('every other call is allowed, and only up to the newest that is known', () => {
    const named = new Set(REFUSALS.flatMap(({ calls }) => calls.map(name => numberOf(name, machine))))
    for (let number = 0; number < NEWEST_KNOWN + 100; number += 1) {
      if (!named.has(number)) expect(call(number)).toBe(number > NEWEST_KNOWN ? ENOSYS : 'allowed')
    }
    expect(call(0xffffffff)).toBe(ENOSYS)
  })

  test('calls of another architecture end the process', () => {
    // 32-bit x86, 32-bit ARM, big-endian ARM, and each machine to the other.
    const others = [0x40000003, 0x40000028, 0xb7, ...MACHINES.map(each => AUDIT_ARCHITECTURE[each])]
    for (const other of others.filter(each => each !== AUDIT_ARCHITECTURE[machine])) {
      expect(call(39, [], other)).toBe('killed')
    }
  })

  test('bubblewrap takes it: whole instructions, no more than the kernel allows', () => {
    expect(program.length % 8).toBe(0)
    expect(program.length / 8).toBeLessThan(4096)
  })
})

test('x32 calls, the same architecture under other numbers, are as on a kernel without them', () => {
  const program = compileFilter('x64')
  for (const number of [0, 39, 250, 272]) {
    const seen = run(program, { architecture: AUDIT_ARCHITECTURE.x64, number: number + X32_BIT, args: [] })
    expect(seen).toBe(ENOSYS)
  }
})

test('a jump that is not forward, or too far, is an error', () => {
  const jump = branch('ifEqual', 0, 'there', null)
  const far = Array.from({ length: 256 }, () => end(0))
  expect(() => assemble([jump, end(0)])).toThrow('cannot jump to there')
  expect(() => assemble([{ label: 'there' }, jump, end(0)])).toThrow('cannot jump to there')
  expect(() => assemble([jump, ...far, { label: 'there' }, end(0)])).toThrow('cannot jump to there')
  expect(assemble([jump, ...far.slice(1), { label: 'there' }, end(0)]).length).toBe(257 * 8)
})

test('a host that could not filter is told what it lacks', () => {
  const status = 'Name:\tbun\nNoNewPrivs:\t0\nSeccomp:\t0\n'
  expect(requireMachine('arm64', status)).toBe('arm64')
  expect(() => requireMachine('riscv64', status)).toThrow('for x64 and arm64, not riscv64')
  expect(() => requireMachine('x64', 'Name:\tbun\nNoNewPrivs:\t0\n')).toThrow('CONFIG_SECCOMP')
})
