/** The way into the IPC namespace of a sandbox, from outside. */
import { dlopen, FFIType } from 'bun:ffi'
import { closeSync, openSync } from 'node:fs'

/** ioctl_ns(2): gives the user namespace that a namespace belongs to. */
const NS_GET_USERNS = 0xb701

/**
 * Command line to put before a command, and what to call after it; null once the sandbox is gone. As an ordinary
 * user one must enter the user namespace first that bubblewrap made the others in. No process is left in that: it
 * has made another one below, to be the user again who it was.
 */
export function enterIpcNamespace(firstPid: number): { argv: string[]; close: () => void } | null {
  const ipc = `/proc/${firstPid}/ns/ipc`
  if (process.getuid?.() === 0) return { argv: ['nsenter', `--ipc=${ipc}`], close: () => undefined }
  try {
    const namespace = openSync(ipc, 'r')
    const owner = libc().symbols.ioctl(namespace, NS_GET_USERNS)
    closeSync(namespace)
    if (owner < 0) return null
    const user = `--user=/proc/${process.pid}/fd/${owner}`
    return {
      argv: ['nsenter', user, '--preserve-credentials', `--ipc=${ipc}`],
      close: () => closeSync(owner),
    }
  } catch {
    return null
  }
}

const C_LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']
const SYMBOLS = { ioctl: { args: [FFIType.i32, FFIType.u64], returns: FFIType.i32 } } as const

let opened: ReturnType<typeof openLibc> | null = null

function libc() {
  opened ??= openLibc()
  return opened
}

function openLibc() {
  for (const name of C_LIBRARIES) {
    try {
      return dlopen(name, SYMBOLS)
    } catch {
      // Another one, then.
    }
  }
  throw new Error('no C library was found')
}
