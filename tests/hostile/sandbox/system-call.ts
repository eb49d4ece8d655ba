/** Any system call from TypeScript, on the host or in a sandbox. It imports nothing of ours, to run in both. */
import { dlopen, ptr, read } from 'bun:ffi'

const LONG = ['i64', 'i64', 'i64', 'i64', 'i64', 'i64', 'i64'] as const

const { symbols } = dlopen(process.env.C_LIBRARY ?? 'libc.so.6', {
  syscall: { args: LONG, returns: 'i64' },
  __errno_location: { args: [], returns: 'ptr' },
})

/** A number, a text, or so many bytes of memory. */
export type Argument = number | string | { zeros: number }

/** What the kernel answers: the result, or minus the errno. */
export function systemCall(number: number, ...args: Argument[]): number {
  // Kept until the call is over: the kernel gets addresses.
  const memory = args.map(each => (typeof each === 'number' ? each : inMemory(each)))
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = memory.map(each =>
    typeof each === 'number' ? each : Number(ptr(each)),
  )
  const result = Number(symbols.syscall(number, a, b, c, d, e, f))
  const errno = symbols.__errno_location()
  return result === -1 && errno ? -read.i32(errno, 0) : result
}

const inMemory = (argument: string | { zeros: number }): Uint8Array =>
  typeof argument === 'string' ? new TextEncoder().encode(`${argument}\0`) : new Uint8Array(argument.zeros)
