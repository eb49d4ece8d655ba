/** Functions of the C library, for what neither Bun nor a file of /proc offers. */
import { dlopen, type FFIFunction } from 'bun:ffi'

/** As glibc and as musl name their library. */
const C_LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

/** Linux only. Throws when no C library can be loaded or lacks one of them. */
export function fromCLibrary<const Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const library of C_LIBRARIES) {
    try {
      return dlopen(library, functions).symbols
    } catch {
      // The other kind of system, then.
    }
  }
  throw new Error(`none of ${C_LIBRARIES.join(', ')} can be loaded`)
}
